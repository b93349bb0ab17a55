"""Measures how often the verdict of two versions is wrong, from the clicks of a log that BM25 made.

    python -m benchmarks.bench_verdicts [--data SRC ...] [--sessions N] [--draws N]
        [--renewals N] [--renewal-sessions N] [--json FILE]

Pairs of versions are judged as `renew` judges them: a log of N sessions is split by need, and the verdict comes from
the clicks of its judged part. The log names no topic. Half of the training topics make the log; word associations are
learned from the other half. What a pair is truly worth comes from the judgments of the first half and of all other
splits. A verdict is wrong if the true difference has another sign, or is within two standard errors of 0.

Then come renewals on noise: versions that differ by random words alone, so that none is better. The gate is asked as
for a first version; it may let one through by its verdict on new needs or by that on returning queries, for which
the validation part stands. Each renewal has a log of its own, once judged by clicks and once by judgments of topics.
At last come as many renewals in a row on one log, each against the version that was let through before.
"""

from __future__ import annotations

import argparse
import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from untilclick.rewriter.data.log_sides import split_by_need
from untilclick.rewriter.evaluation.baselines.association import Association, AssociationSettings, WordAssociations
from untilclick.rewriter.evaluation.baselines.feedback import Rm3, Rm3Settings
from untilclick.rewriter.evaluation.baselines.simple import Bm25, SpellingCorrection
from untilclick.rewriter.evaluation.judge import Contestant
from untilclick.rewriter.evaluation.systems import System, TypedTopic
from untilclick.rewriter.judging.evidence import Evidence, Finding, Verdict
from untilclick.rewriter.judging.gate import Answering, Use, admitted
from untilclick.rewriter.judging.sides import SplitKey
from untilclick.rewriter.judging.split_record import SplitRecord
from untilclick.rewriter.language.tfidf import document_vectors
from untilclick.rewriter.proof.contest import JudgingConfig, contest
from untilclick.rewriter.rewrite import Reason, Rewrite, RewriteRequest
from untilclick.rewriter.serving.readings.ranker import rank
from untilclick.rewriter.serving.readings.searched_query import SearchedQuery
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.measures.metrics import evaluate_rankings
from untilclick.search.records import Session, Topic, WeightedQuery
from untilclick.search.users.simulate import simulate_sessions
from untilclick.search.users.user import SimulatedUser

from benchmarks.live_sessions import as_of_a_person

MEASURE = "nDCG@10"
NO_TOPIC = Topic("", "", {})
MOST_TRUE = 3_000
"""Largest number of topics by which the true difference is measured."""


@dataclass(frozen=True)
class SystemRewriter:
    """A system of the baselines behind the interface of rewriters."""

    system: System
    version = "system"

    def rewrite(self, requests: Sequence[RewriteRequest]) -> list[Rewrite]:
        """The queries of the system as rewrites."""
        typed = [TypedTopic(NO_TOPIC, request.query, request.history) for request in requests]
        return [
            Rewrite(each.query, each.query, (), None, True, Reason.APPLIED, 1.0, searched.query, searched.query)
            for each, searched in zip(typed, self.system(typed), strict=True)
        ]


@dataclass(frozen=True)
class RandomWords:
    """Adds words of the corpus to the queries of a system that have nothing to do with them."""

    system: System
    words: Sequence[str]
    weight: float
    """Share of the random words in the score, 0..1."""
    n: int
    seed: int

    def __call__(self, topics: Sequence[TypedTopic]) -> list[SearchedQuery]:
        """The same query gets the same words."""
        return [self._with_words(each, typed.query) for each, typed in zip(self.system(topics), topics, strict=True)]

    def _with_words(self, searched: SearchedQuery, query: str) -> SearchedQuery:
        rng = np.random.default_rng([self.seed, zlib.crc32(query.encode())])
        total = sum(weight for _, weight in searched.query.clauses)
        share = total * self.weight / (1.0 - self.weight) / self.n
        added = [(self.words[i], share) for i in rng.integers(len(self.words), size=self.n)]
        return SearchedQuery(WeightedQuery((*searched.query.clauses, *added)))


@dataclass(frozen=True)
class FewerWords:
    """Leaves out one word of every second query."""

    def __call__(self, topics: Sequence[TypedTopic]) -> list[SearchedQuery]:
        """The same query loses the same word."""
        return [SearchedQuery(WeightedQuery.of(self._shortened(typed.query))) for typed in topics]

    def _shortened(self, query: str) -> str:
        rng = np.random.default_rng(zlib.crc32(query.encode()))
        words = query.split()
        if len(words) > 1 and rng.random() < 0.5:
            words.pop(int(rng.integers(len(words))))
        return " ".join(words)


@dataclass(frozen=True)
class Corrected:
    """A system that gets corrected queries."""

    system: System
    spelling: SpellingCorrection

    def __call__(self, topics: Sequence[TypedTopic]) -> list[SearchedQuery]:
        """One query per topic."""
        queries = [each.query.clauses[0][0] for each in self.spelling(topics)]
        return self.system([replace(typed, query=query) for typed, query in zip(topics, queries, strict=True)])


@dataclass(frozen=True)
class PairResult:
    """A pair of versions, and what was said of it."""

    version: str
    other: str
    true_difference: float
    standard_error: float
    verdicts: tuple[Verdict, ...]
    """Of the logs."""
    unseen: tuple[float, float]
    """Mean shares of the first ten documents that were never shown."""
    n_queries: tuple[int, ...]
    """Queries that judged, of each log."""
    n_needs: tuple[int, ...]
    """Their needs."""

    @property
    def truth(self) -> Verdict:
        """What the judgments say."""
        if abs(self.true_difference) < 2 * self.standard_error or self.true_difference == 0:
            return Verdict.CANNOT_SAY
        return Verdict.BETTER if self.true_difference > 0 else Verdict.WORSE

    @property
    def n_wrong(self) -> int:
        """Verdicts that the truth does not bear out."""
        return sum(verdict not in (self.truth, Verdict.CANNOT_SAY) for verdict in self.verdicts)


class Ground:
    """A collection with users who search it by BM25, and the versions that are compared."""

    def __init__(self, data: str) -> None:
        self.opened = OpenedCollection.load(data)
        topics = [topic for topic in self.opened.collection.topics["train"] if topic.relevance]
        order = np.random.default_rng(0).permutation(len(topics))
        learned, searched = np.array_split(order, 2)
        self._learned = [topics[i] for i in learned]
        self.topics = [topics[i] for i in searched]
        self._user = SimulatedUser.of(self.opened.collection, index=self.opened.index)
        self._true = self._typed()

    def sessions(self, n: int, seed: int) -> list[Session]:
        """A log that BM25 made."""
        return list(simulate_sessions(self.topics, self.opened.engine, self._user, n, seed))

    def versions(self) -> dict[str, System]:
        """The versions of known worth by name."""
        opened, engine = self.opened, self.opened.engine
        vectors, words = document_vectors(opened.index), opened.index.surfaces
        associations = WordAssociations.estimate(self._learned, opened.index, vectors)
        rm3 = {weight: Rm3(engine, Rm3Settings(10, weight)) for weight in (0.2, 0.5, 0.7, 0.9)}
        spelling = SpellingCorrection(opened.spelling)
        return {
            "as typed": Bm25(),
            **{f"RM3 {weight}": system for weight, system in rm3.items()},
            **{
                f"association {weight}": Association(opened.index, associations, AssociationSettings(100, weight))
                for weight in (0.2, 0.8)
            },
            "spelling": spelling,
            "spelling, RM3 0.9": Corrected(rm3[0.9], spelling),
            "fewer words": FewerWords(),
            "random word": RandomWords(Bm25(), words, 0.3, 1, 0),
            **{f"random words {seed}": RandomWords(Bm25(), words, 0.1, 3, seed) for seed in (1, 2)},
            **{f"RM3, random words {seed}": RandomWords(rm3[0.7], words, 0.3, 3, seed) for seed in (1, 2)},
        }

    def noisy(self, seed: int) -> System:
        """A version that differs from others by random words alone."""
        base = Rm3(self.opened.engine, Rm3Settings(10, 0.7))
        return RandomWords(base, self.opened.index.surfaces, 0.2, 3, seed)

    def contestant(self, name: str, system: System) -> Contestant:
        """A version as the verdict sees it."""
        return Contestant(name, SystemRewriter(system), self.opened.engine)

    def true_values(self, system: System) -> NDArray[np.float64]:
        """(n,) nDCG@10 of a version by the judgments of topics."""
        engine = self.opened.engine
        titled = [engine.with_title(typed.query) for typed in self._true]
        shown = [ranking.shown for ranking in rank(engine, system(self._true), 10, titled=titled)]
        return evaluate_rankings([typed.topic for typed in self._true], shown, (MEASURE,)).values[MEASURE]

    def _typed(self) -> list[TypedTopic]:
        """Topics with a query that a user types for them."""
        others = [topics for split, topics in self.opened.collection.topics.items() if split != "train"]
        topics = [*self.topics, *(topic for split in others for topic in split if topic.relevance)][:MOST_TRUE]
        streams = np.random.default_rng(99).spawn(len(topics))
        return [TypedTopic(t, self._user.first_query(t, rng).text) for t, rng in zip(topics, streams, strict=True)]


PAIRS = (
    ("RM3 0.9", "as typed"),
    ("RM3 0.2", "as typed"),
    ("RM3 0.9", "RM3 0.5"),
    ("association 0.8", "as typed"),
    ("association 0.2", "association 0.8"),
    ("spelling", "as typed"),
    ("spelling, RM3 0.9", "as typed"),
    ("spelling", "RM3 0.7"),
    ("fewer words", "as typed"),
    ("random word", "as typed"),
    ("random words 1", "random words 2"),
    ("RM3, random words 1", "RM3, random words 2"),
)
"""Version and the other; the last two pairs are of equal worth."""


class Judged:
    """A log, split by need, and verdicts by its parts."""

    def __init__(self, ground: Ground, n_sessions: int, seed: int, *, names_topics: bool = False) -> None:
        self._opened, self._judging = ground.opened, JudgingConfig(seed=seed)
        log = ground.sessions(n_sessions, seed)
        if not names_topics:
            log = [as_of_a_person(session) for session in log]
        self._sides = split_by_need(log, {"train": ground.topics}, self._opened.analysis, SplitKey.of_seed(seed))

    @property
    def record(self) -> SplitRecord:
        """What the split did."""
        assert self._sides.record is not None
        return self._sides.record

    def find(self, version: Contestant, other: Contestant) -> Finding:
        """The finding by the judged side."""
        return contest(version, other, self._opened, self._sides, self._judging)

    def find_by_validation(self, version: Contestant, other: Contestant) -> Finding:
        """The finding by the validation side."""
        sides = replace(self._sides, judged=self._sides.validation)
        return contest(version, other, self._opened, sides, self._judging)


def compare_pairs(ground: Ground, n_sessions: int, n_draws: int) -> Iterator[PairResult]:
    """Judge each pair by each log."""
    versions = ground.versions()
    true = {name: ground.true_values(system) for name, system in versions.items()}
    contestants = {name: ground.contestant(name, system) for name, system in versions.items()}
    logs = [Judged(ground, n_sessions, seed) for seed in range(n_draws)]
    for version, other in PAIRS:
        findings = [log.find(contestants[version], contestants[other]) for log in logs]
        differences = true[version] - true[other]  # (n,)
        yield PairResult(
            version,
            other,
            float(differences.mean()),
            float(differences.std(ddof=1) / np.sqrt(differences.size)),
            tuple(finding.verdict for finding in findings),
            _means([finding.unseen or (0.0, 0.0) for finding in findings]),
            tuple(finding.n_queries for finding in findings),
            tuple(finding.n_needs for finding in findings),
        )


def activations(ground: Ground, n_sessions: int, n_renewals: int, *, names_topics: bool) -> int:
    """Renewals on noise that the gate lets through, each on a log of its own."""
    untrained = ground.contestant("untrained", ground.noisy(0))
    n = 0
    for number in range(n_renewals):
        log = Judged(ground, n_sessions, 1000 + number, names_topics=names_topics)
        version = ground.contestant("noise", ground.noisy(1 + number))
        new, returning = log.find(version, untrained), log.find_by_validation(version, untrained)
        evidence = Evidence(log.record, new, new, _equal(new), returning=returning)
        n += admitted(evidence).use in (Use.LEARNED, Use.RETURNING, Use.WORDS)
    return n


def activations_in_a_row(ground: Ground, n_sessions: int, n_renewals: int) -> int:
    """Renewals on noise that the gate lets through on one log, judged by topics, each against the last of them."""
    log = Judged(ground, n_sessions, 999, names_topics=True)
    champion, n = ground.contestant("0", ground.noisy(0)), 0
    for number in range(1, n_renewals + 1):
        version = ground.contestant(str(number), ground.noisy(number))
        before = log.find(version, champion)
        same = _equal(before)
        evidence = Evidence(log.record, same, same, same, before)
        if admitted(evidence, Answering(champion.name, Use.LEARNED)).use is Use.LEARNED:
            champion, n = version, n + 1
    return n


def _equal(finding: Finding) -> Finding:
    """A finding that says nothing."""
    return replace(finding, verdict=Verdict.CANNOT_SAY)


def _means(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    first, second = np.mean(pairs, axis=0).tolist()
    return first, second


def print_pairs(results: Sequence[PairResult]) -> None:
    """Print a table of pairs."""
    queries, needs = (", ".join(map(str, counts)) for counts in (results[0].n_queries, results[0].n_needs))
    print(f"queries that judge, by log: {queries}; their needs: {needs}")
    print(f"{'version':20} {'other':20} {'true':>7} {'s.e.':>6}  better worse cannot say  wrong  never shown")
    for each in results:
        counts = [sum(verdict is wanted for verdict in each.verdicts) for wanted in Verdict]
        print(
            f"{each.version:20} {each.other:20} {each.true_difference:+7.4f} {each.standard_error:6.4f}"
            f"  {counts[0]:6} {counts[1]:5} {counts[2]:10}  {each.n_wrong:5}"
            f"  {each.unseen[0]:4.0%} {each.unseen[1]:4.0%}"
        )
    verdicts = [verdict for each in results for verdict in each.verdicts]
    silent = sum(verdict is Verdict.CANNOT_SAY for verdict in verdicts)
    print(f"{sum(each.n_wrong for each in results)} of {len(verdicts)} verdicts wrong, {silent} times cannot say")


def main(argv: Sequence[str] | None = None) -> None:
    """Print the tables, and write the figures as JSON if asked to."""
    parser = argparse.ArgumentParser(description="Verdicts from clicks against the judgments")
    parser.add_argument("--data", nargs="+", default=["stdlib"])
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--renewals", type=int, default=40)
    parser.add_argument("--renewal-sessions", type=int, default=3_000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(argv)
    figures: dict[str, object] = {}
    for data in options.data:
        ground = Ground(data)
        print(f"== {data}", flush=True)
        results = list(compare_pairs(ground, options.sessions, options.draws))
        print_pairs(results)
        noise = {
            "clicks": activations(ground, options.renewal_sessions, options.renewals, names_topics=False),
            "judgments": activations(ground, options.renewal_sessions, options.renewals, names_topics=True),
            "in a row": activations_in_a_row(ground, options.renewal_sessions, options.renewals),
        }
        for name, n in noise.items():
            print(f"{options.renewals} renewals on noise, {name}: {n} activated", flush=True)
        figures[data] = {"pairs": [asdict(each) for each in results], "activated": noise}
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
