"""Measures what the program does with small logs: what was learned, and what the gate lets through, on other needs.

    python -m benchmarks.bench_small_logs --data SRC (--needs 25,50,100 | --needs all | --halves) [--seeds N]
        [--draws N] [--sessions N] [--documents N] [--clicks-alone | --own-sessions] [--encoder NAME] [--jobs N]
        [--out DIR] [--set TABLE.NAME=VALUE ...] [--json FILE] [--plot FILE]

A draw takes some information needs of the training topics, with all queries of each; `--halves` takes half of them.
Its log holds sessions of simulated users with these needs: of N sessions of users with all needs, the share of the
drawn topics. On this log a rewriter is trained and put through the gate, as `untilclick train` and `untilclick renew`
do for a first version, with default settings. The queries of the split `dev` (or `test`) judge it; if the collection
has training topics alone, those that were not drawn do. No draw judges by a topic of its log.

    typed       the query as typed
    untrained   the base, in the blend of a cold start
    forced      what was learned from a part of the log, in its own blend: what would answer without a gate
    cautious    the same weights in the blend of a cold start
    gated       what the gate lets through

`--clicks-alone` leaves the topics out of the log, `--own-sessions` takes the sessions of the folder's sessions.jsonl
with the drawn needs in place of simulated ones. `--documents N` takes N of the documents, with topics made from them.
Finished draws are kept in the folder --out, and the same command goes on where it was interrupted. Every process has
one thread; seconds are processor time.

A draw's figure is the mean over seeds, and the worst draw is the lowest of these. Tests and intervals resample needs.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path

from untilclick.search.errors import UntilclickError

from benchmarks.small_log_draw import Job, Outcome, opened_ground, read_outcome, run_draw, train_base
from benchmarks.small_log_ground import GroundConfig, settings_text
from benchmarks.small_log_table import Row, plot, print_rows, rows_of

SESSIONS = 60_000
"""Sessions of a log of all training topics, as in `untilclick demo`."""
ALL = "all"


@dataclass(frozen=True)
class Plan:
    """The draws of one command."""

    ground: GroundConfig
    sizes: tuple[int, ...]
    jobs: tuple[Job, ...]


def planned(options: argparse.Namespace) -> Plan:
    """The draws to be run or read; sizes that the collection does not have are left out with a sentence. Raises
    DataError for a collection that cannot be read, and UntilclickError if --out holds draws of other settings."""
    config = GroundConfig(
        options.data,
        options.sessions,
        options.documents,
        options.clicks_alone,
        options.own_sessions,
        options.encoder,
    )
    ground = opened_ground(config)
    most = ground.n_needs if ground.judged_split else ground.n_needs - 1
    wanted = [ground.n_needs // 2] if options.halves else options.needs
    sizes = sorted({most if size == ALL else int(size) for size in wanted})
    for size in (size for size in sizes if size > most):
        print(f"{size} needs are left out: {options.data} has {ground.n_needs}", file=sys.stderr)
    sizes = [size for size in sizes if 0 < size <= most]
    out = options.out / config.name
    _check_settings(out / "settings.json", settings_text(config, options.set))
    numbers = [(seed, draw) for seed in range(options.seeds) for draw in range(options.draws)]
    jobs = [Job(config, size, *number, out, tuple(options.set)) for number in numbers for size in sizes]
    return Plan(config, tuple(sizes), tuple(jobs))


def _check_settings(path: Path, settings: str) -> None:
    """Raise UntilclickError if a folder holds draws of other settings; else note these there."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(settings, encoding="utf-8")
    if (others := path.read_text(encoding="utf-8")) != settings:
        raise UntilclickError(f"{path.parent} holds draws of other settings ({others}); give --out another folder")


def run_missing(jobs: Sequence[Job], n_processes: int) -> int:
    """Run the draws that are not finished; returns how many failed. A draw that fails is told, and the others go
    on."""
    missing = [job for job in jobs if not job.outcome_path.exists()]
    if not missing:
        return 0
    failed = 0
    with _pool(n_processes) as pool:
        for _ in pool.map(train_base, {job.seed: job for job in missing}.values()):
            pass
        running = {pool.submit(run_draw, job): job for job in missing}
        for done, future in enumerate(as_completed(running), 1):
            job, error = running[future], future.exception()
            name = f"{done}/{len(missing)}: {job.size} needs, seed {job.seed}, draw {job.draw}"
            if error is None:
                _tell(name, future.result())
            else:
                failed += 1
                print(f"{name} failed: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
    return failed


def _pool(n_processes: int) -> Executor:
    """Runs draws in so many processes; one is this process."""
    if n_processes == 1:
        return ThreadPoolExecutor(1)
    return ProcessPoolExecutor(n_processes, multiprocessing.get_context("spawn"))


def _tell(name: str, outcome: Outcome) -> None:
    seconds = outcome.training_seconds + outcome.proof_seconds
    print(
        f"{name}, {outcome.n_sessions:,} sessions, {seconds:.0f} s of processor time: {outcome.use}. {outcome.said}",
        file=sys.stderr,
    )


def rows(plan: Plan) -> Iterator[Row]:
    """One row for each size and set of queries that judge."""
    for size in plan.sizes:
        finished = [job.outcome_path for job in plan.jobs if job.size == size and job.outcome_path.exists()]
        if finished:
            yield from rows_of(size, [read_outcome(path) for path in finished])


def _parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What the program does with small logs")
    parser.add_argument("--data", required=True, help="Collection with training topics")
    sizes = parser.add_mutually_exclusive_group(required=True)
    sizes.add_argument("--needs", type=lambda text: text.split(","), help="Needs of the logs, such as 25,50,all")
    sizes.add_argument("--halves", action="store_true", help="Logs of half of the needs")
    parser.add_argument("--sessions", type=int, default=SESSIONS, help="Sessions of a log of all training topics")
    parser.add_argument("--documents", type=int, help="Take so many documents, with topics made from them")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--clicks-alone", action="store_true", help="Sessions name no topic")
    source.add_argument("--own-sessions", action="store_true", help="Take the sessions of sessions.jsonl")
    parser.add_argument("--encoder", default="auto", help="as for untilclick evaluate; none leaves meaning out")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=1, help="Processes")
    parser.add_argument("--out", type=Path, default=Path("runs/small-logs"), help="Folder of the finished draws")
    parser.add_argument("--set", action="append", default=[], help="A setting of a stage, TABLE.NAME=VALUE")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the missing draws, print a table, and write JSON and a plot if asked to."""
    options = _parsed(argv)
    os.environ["OMP_NUM_THREADS"] = "1"
    if options.data != "stdlib" and not Path(options.data).exists():
        print(f"{options.data} does not exist: nothing is measured.")
        return
    try:
        plan = planned(options)
    except UntilclickError as error:
        sys.exit(str(error))
    failed = run_missing(plan.jobs, options.jobs)
    made = list(rows(plan))
    print_rows(plan.ground.name, made)
    if options.json:
        draws = [asdict(read_outcome(job.outcome_path)) for job in plan.jobs if job.outcome_path.exists()]
        record = {"ground": asdict(plan.ground), "rows": [asdict(row) for row in made], "draws": draws}
        options.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    if options.plot and made:
        plot(made, options.plot, plan.ground.name)
    if failed:
        sys.exit(f"{failed} draws failed; the same command tries them again")


if __name__ == "__main__":
    main()
