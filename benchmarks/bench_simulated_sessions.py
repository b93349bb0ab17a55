"""Whether a renewal learns more of a small log with sessions of simulated users of the site beside it.

    python -m benchmarks.bench_simulated_sessions --out DIR [--sessions N ...] [--keys N] [--seed N] [--encoder NAME]
                                                  [--set ppo.NAME=VALUE ...] [--json FILE]

The documents and the log are those of `bench_lay_words`: a made-up shop, visitors with words that no document holds,
and N sessions of other visitors, all with clicks alone. For each split key the log is split by need, the users are
fitted to its training side, and warm start and PPO are trained with and without simulated sessions, as
`renew.simulated_sessions=auto` does. Both twins are compared on the judged needs. The other visitors are simulated,
too, by users with the defaults, which is a favourable case. An interrupted run goes on with what is missing.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from untilclick.app.loop.renewal.config import RenewalConfig
from untilclick.app.loop.renewal.simulated import train_candidate
from untilclick.app.loop.renewal.training import train_base
from untilclick.app.loop.torch_setup import set_up_torch
from untilclick.app.settings.commands import CommandSettings
from untilclick.rewriter.config import BaseConfig, PolicyConfig, WarmStartConfig
from untilclick.rewriter.data.encoding import encode_collection
from untilclick.rewriter.data.log_sides import split_by_need
from untilclick.rewriter.data.show import silently
from untilclick.rewriter.judging.sides import SplitKey
from untilclick.rewriter.ppo_config import PPOConfig
from untilclick.rewriter.proof.contest import JudgingConfig
from untilclick.search.corpora.opened import OpenedCollection

from benchmarks.bench_lay_words import CLAUSES, lay_sessions, other_sessions
from benchmarks.corpora.shop import write_shop


@dataclass(frozen=True)
class Outcome:
    """The comparison under one split key."""

    sessions: int
    """Sessions of other visitors in the log."""
    key: int
    simulated: int
    """Simulated sessions beside the log."""
    habits: int
    """Habits of the users that the log told."""
    words: int
    """Words of the users that the log told."""
    verdict: str
    difference: float
    """nDCG@10 with simulated sessions less that without, on judged needs."""
    low: float
    high: float
    queries: int
    needs: int
    seconds: float
    """For the fit, the second training and its judgement."""


class Bench:
    """The shop, and the trainings on its logs."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.out: Path = options.out
        data = self.out / "shop.jsonl"
        if not data.exists():
            self.out.mkdir(parents=True, exist_ok=True)
            write_shop(data, options.seed)
        self.data = str(data)
        opened = OpenedCollection.load(self.data)
        self.opened = opened.with_vectors(encode_collection(options.encoder, opened, silently).corpus)

    def outcome(self, n_sessions: int, key: int) -> Outcome:
        """Train under one key, or read what a run before found."""
        path = self.out / f"{n_sessions}-{key}.json"
        if not path.exists():
            path.write_text(json.dumps(asdict(self._compared(n_sessions, key))), encoding="utf-8")
        return Outcome(**json.loads(path.read_text(encoding="utf-8")))

    def _compared(self, n_sessions: int, key: int) -> Outcome:
        seed = self.options.seed
        sessions = [
            *lay_sessions(self.opened.engine, seed, few=False),
            *other_sessions(self.opened, n_sessions, seed),
        ]
        topics = self.opened.collection.topics
        sides = split_by_need(sessions, topics, self.opened.analysis, SplitKey.of_seed(key))
        config = self._config()
        train_base(self.opened, config, silently)
        judging = JudgingConfig(CLAUSES, seed=seed)
        _, record = train_candidate(self.opened, config, sides, judging, silently)
        assert record is not None
        assert record.finding is not None
        assert record.users is not None
        finding = record.finding
        return Outcome(
            n_sessions,
            key,
            record.sessions,
            len(record.users.habits_of_log),
            record.users.words_of_log,
            finding.verdict,
            finding.difference,
            *finding.ci95,
            finding.n_queries,
            finding.n_needs,
            record.seconds,
        )

    def _config(self) -> RenewalConfig:
        """As `untilclick renew` makes it for a log that names no topic."""
        seed = self.options.seed
        settings = CommandSettings.of(self.options.set, {}, None)
        ppo = settings.stage(PPOConfig, "ppo", seed=seed, reward="hindsight")
        return RenewalConfig(
            data=self.data,
            log="",
            models=self.out / "models",
            out=self.out / "run",
            engine="tantivy",
            seed=seed,
            source=None,
            policy=settings.stage(PolicyConfig, "policy", seed=seed),
            base=settings.stage(BaseConfig, "base", seed=seed),
            warm_start=settings.stage(WarmStartConfig, "warm_start", seed=seed),
            ppo=ppo,
            ppo_of_clicks=ppo,
            backend="builtin",
            analysis="new",
            language="auto",
            encoder=self.options.encoder,
            clauses=CLAUSES,
            simulated_sessions="auto",
        )


def table(outcomes: Sequence[Outcome]) -> str:
    """A row for each key, and one for the mean of each size of log."""
    lines = ["sessions  key  simulated  habits  words  with less without      needs  verdict     seconds"]
    for each in outcomes:
        interval = f"{each.difference:+.3f} [{each.low:+.3f}, {each.high:+.3f}]"
        lines.append(
            f"{each.sessions:>8}  {each.key:>3}  {each.simulated:>9}  {each.habits:>6}  {each.words:>5}  "
            f"{interval:<23}  {each.needs:>4}  {each.verdict:<10}  {each.seconds:>7.0f}"
        )
    for size in sorted({each.sessions for each in outcomes}):
        differences = [each.difference for each in outcomes if each.sessions == size]
        spread = f", standard deviation {np.std(differences, ddof=1):.3f}" if len(differences) > 1 else ""
        lines.append(f"{size:>8}  mean of {len(differences)} keys {np.mean(differences):+.3f}{spread}")
    return "\n".join(lines)


def _parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Whether a renewal learns more with simulated sessions")
    parser.add_argument("--out", type=Path, required=True, help="Folder for the shop, the run and the results")
    parser.add_argument("--sessions", type=int, nargs="+", default=[600, 2000], help="Sessions of other visitors")
    parser.add_argument("--keys", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--encoder", default="auto")
    parser.add_argument("--set", action="append", default=[], help="A setting of `untilclick renew`")
    parser.add_argument("--json", type=Path)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Print a table of all keys; write it as JSON if asked to."""
    options = _parsed(argv)
    set_up_torch()
    bench = Bench(options)
    outcomes = []
    for key in range(options.keys):
        for n_sessions in options.sessions:
            outcomes.append(bench.outcome(n_sessions, key))
            print(outcomes[-1], flush=True)
    print(table(outcomes))
    if options.json:
        options.json.write_text(json.dumps([asdict(each) for each in outcomes], indent=1) + "\n", encoding="utf-8")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
