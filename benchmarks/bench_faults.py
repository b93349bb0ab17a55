"""Compare the answered searches and clicks with the log, while processes are killed and the database is cut off.

    python -m benchmarks.bench_faults [--rounds N] [--hosts N] [--workers N] [--visitors N] [--postgres] [--seed S]

In each round visitors search and click for a moment, and the service of one host is killed by `kill -9`. In every
fourth round the database is cut off meanwhile (SQLite: another program locks it; PostgreSQL, `--postgres`: its server
is stopped). In every fifth round the service is killed again while it starts. At the end the services are stopped as
an operator stops them, and started again until their spools are empty. The exit status is 1 if an event is lost or
doubled, if an event stays in a spool, or if the steps of a session are wrong.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.fault_rig import Audit, Database, Host, Notes, SqliteFile, Visitors, audit, write_documents

MAX_RESTARTS = 10
"""Limit of the restarts that empty the spools at the end; one restart suffices unless something is wrong."""


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """The faults and the load of a run."""

    rounds: int = 200
    hosts: int = 2
    workers: int = 1
    """Processes per host."""
    visitors: int = 4
    """Threads that search and click."""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """The faults of a run, and what the log holds after it."""

    kills: int
    """Times that `kill -9` was sent."""
    cuts: int
    """Times that the database was cut off."""
    audit: Audit
    set_aside: int
    """Events and damaged files that the services set aside."""
    left: int
    """Events in the spools at the end."""
    notes: Notes


def run(folder: Path, database: Database, plan: FaultPlan) -> Outcome:
    """Run the plan against a database. The services write their output into the folder."""
    write_documents(folder)
    hosts = [Host(folder, f"host{i}", database.url, plan.workers) for i in range(plan.hosts)]
    try:
        for host in hosts:
            host.start()
        for host in hosts:
            host.wait_until_ready()
        visitors = Visitors([host.port for host in hosts], plan.visitors, plan.seed)
        kills = cuts = 0
        for number in range(plan.rounds):
            cut = number % 4 == 1
            with _cut(database, visitors) if cut else nullcontext():
                kills += _round(hosts, np.random.default_rng((plan.seed, number)), again=number % 5 == 2)
            cuts += cut
        time.sleep(0.3)
        notes = visitors.stop()
        _empty_spools(hosts)
        waiting, given_up = sum(host.waiting() for host in hosts), sum(host.set_aside() for host in hosts)
        return Outcome(kills, cuts, audit(database.url, notes), given_up, waiting, notes)
    finally:
        for host in hosts:
            host.stop()


def main(argv: Sequence[str] | None = None) -> int:
    """Print the figures of a run; the status is 1 if an event is lost, doubled, left or out of order."""
    parser = argparse.ArgumentParser(description="Faults of processes and databases under load")
    for name, value in asdict(FaultPlan()).items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--postgres", action="store_true", help="a PostgreSQL server, which is stopped and started")
    options = vars(parser.parse_args(argv))
    with tempfile.TemporaryDirectory() as folder, _database(Path(folder), options.pop("postgres")) as database:
        outcome = run(Path(folder), database, FaultPlan(**options))
    report(outcome)
    return int(bool(outcome.audit.lost or outcome.audit.doubled or outcome.left or outcome.audit.wrong_steps))


def report(outcome: Outcome) -> None:
    """Print the figures of an outcome."""
    figures = {"kills": outcome.kills, "cuts": outcome.cuts, "requests_sent": outcome.notes.n_sent}
    figures |= asdict(outcome.audit) | {"set_aside": outcome.set_aside, "left_in_spools": outcome.left}
    for name, value in figures.items():
        print(f"{name.replace('_', ' '):22} {value:8,}")
    for name, ms in outcome.notes.ms.items():
        if ms:
            p50, p99 = np.percentile(ms, (50, 99))
            print(f"database {name:4} p50 {p50:7.1f} ms, p99 {p99:7.1f} ms, max {max(ms):7.1f} ms, n {len(ms):,}")
    if outcome.notes.unexpected:
        print(f"other HTTP statuses: {dict(outcome.notes.unexpected)}")


def _round(hosts: Sequence[Host], rng: np.random.Generator, *, again: bool) -> int:
    """Kill one host's service once, or twice with `again`; return the number of kills."""
    host = hosts[int(rng.integers(len(hosts)))]
    time.sleep(rng.uniform(0.05, 0.5))
    host.kill(rng.random())
    if again:
        time.sleep(rng.uniform(0.2, 2.0))
        host.kill(rng.random())
    host.wait_until_ready()
    return 2 if again else 1


@contextmanager
def _cut(database: Database, visitors: Visitors) -> Iterator[None]:
    with database.cut():
        visitors.database_is_cut = True
        try:
            yield
        finally:
            visitors.database_is_cut = False


def _empty_spools(hosts: Sequence[Host]) -> None:
    for host in hosts:
        host.stop()
    for _ in range(MAX_RESTARTS):
        if not any(host.waiting() for host in hosts):
            return
        for host in hosts:
            host.start()
            host.wait_until_ready()
        for host in hosts:
            host.stop()


@contextmanager
def _database(folder: Path, postgres: bool) -> Iterator[Database]:
    if not postgres:
        yield SqliteFile(folder / "log.db")
        return
    from tests.postgres_server import running_server  # needs pytest, which SQLite does without

    with running_server() as server:
        yield server.database("faults")


if __name__ == "__main__":
    sys.exit(main())
