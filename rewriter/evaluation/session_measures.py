"""How a rewriter changes whole search sessions: clicks at the first query, queries until a click, abandonment.

The same simulated users, with the same needs and random numbers, search once with every system. Everything they type
is rewritten before it is searched, later queries too, each as if it were the first. Sessions with the same number
therefore form a pair. `untilclick.search.log.stats` computes the same figures, by the same definitions, from a log.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Collection as AbstractCollection
from dataclasses import dataclass

import numpy as np

from untilclick.rewriter.evaluation.results import SessionResults
from untilclick.rewriter.evaluation.statistics import RESAMPLES, Comparison, TopicValues, compare
from untilclick.rewriter.evaluation.systems import System, TypedTopic, engine_of
from untilclick.rewriter.judging.needs import needs_of_topics
from untilclick.rewriter.serving.readings.ranker import rank
from untilclick.rewriter.serving.readings.searched_query import SearchedQuery
from untilclick.search.analysis.analysis import Analysis
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.log.stats import SessionFigures
from untilclick.search.records import TOPIC_ATTRIBUTE, Document, Feedback, ScoredDoc, Session, Topic, WeightedQuery
from untilclick.search.users.simulate import simulate_sessions
from untilclick.search.users.user import SimulatedUser

FIRST_QUERY_CLICK = "first_query_click"
"""Session measure: 1 if the first query got a click, else 0."""
QUERIES_SAVED = "queries_saved"
"""Session measure: queries until the first click, negated; only sessions that got a click with both systems count."""
ABANDONMENT_AVOIDED = "abandonment_avoided"
"""Session measure: -1 if nothing was clicked, else 0."""

SESSION_MEASURES = (FIRST_QUERY_CLICK, QUERIES_SAVED, ABANDONMENT_AVOIDED)
"""Measures that are compared; larger is better in all of them."""


@dataclass(frozen=True)
class SessionsConfig:
    """Settings of the simulated sessions."""

    sessions: int = 1_000
    """Sessions per system; topics are drawn uniformly, so that a topic has several sessions."""
    seed: int = 0
    """Seed of the users and of the statistics."""
    resamples: int = RESAMPLES
    """Sign flips and bootstrap samples of each comparison."""
    exact_titles: bool = True
    """Whether a document whose title is the query comes first, as in the service."""


@dataclass(frozen=True)
class RewritingEngine:
    """A search engine that passes plain queries through a system before it searches them; a query of several clauses
    is searched as it is.

    A simulated user does not notice it, just as a visitor does not notice the service's rewriter.
    """

    engine: SearchEngine
    system: System
    exact_titles: bool = True
    """Whether a document comes first if its title is the plain query."""

    @property
    def name(self) -> str:
        """The name of the engine underneath."""
        return self.engine.name

    @property
    def analysis(self) -> Analysis:
        """The analysis of the engine underneath."""
        return self.engine.analysis

    def search(self, queries: Sequence[WeightedQuery], k: int) -> list[list[ScoredDoc]]:
        """The first k documents of each rewritten query, after those whose title is the query as typed."""
        rankings = rank(self.engine, self._searched(queries), k, titled=[self._titled(query) for query in queries])
        return [ranking.shown for ranking in rankings]

    def scores(self, queries: Sequence[WeightedQuery], doc_ids: Sequence[Sequence[str]]) -> list[list[float]]:
        """Scores of documents for the rewritten queries, see `SearchEngine`."""
        return self.engine.scores([each.query for each in self._searched(queries)], doc_ids)

    def rank_of(self, query: WeightedQuery, doc_ids: AbstractCollection[str]) -> dict[str, int | None]:
        """Ranks of documents in the engine's ranking of the rewritten query, see `SearchEngine`."""
        return self.engine.rank_of(self._searched([query])[0].query, doc_ids)

    def feedback_terms(self, query: WeightedQuery, n: int) -> list[tuple[str, float]]:
        """Feedback terms of the query as typed, because rewriters themselves ask for them."""
        return self.engine.feedback_terms(query, n)

    def feedback(self, query: WeightedQuery, n: int) -> Feedback:
        """Feedback of the query as typed, for the same reason as `feedback_terms`."""
        return self.engine.feedback(query, n)

    def documents(self, doc_ids: Sequence[str]) -> list[Document]:
        """Documents by id, see `SearchEngine`."""
        return self.engine.documents(doc_ids)

    def with_title(self, title: str) -> Sequence[str]:
        """Documents by title, see `TitleLookup`."""
        return self.engine.with_title(title)

    def _titled(self, query: WeightedQuery) -> Sequence[str]:
        is_plain = len(query.clauses) == 1
        return self.engine.with_title(query.clauses[0][0]) if self.exact_titles and is_plain else ()

    def _searched(self, queries: Sequence[WeightedQuery]) -> list[SearchedQuery]:
        plain = [i for i, query in enumerate(queries) if len(query.clauses) == 1]
        texts = [queries[i].clauses[0][0] for i in plain]
        rewritten = self.system([TypedTopic(Topic("", text, {}), text) for text in texts])
        searched = [SearchedQuery(query) for query in queries]
        for i, answer in zip(plain, rewritten, strict=True):
            searched[i] = answer
        return searched


def measure_sessions(
    engine: SearchEngine,
    topics: Sequence[Topic],
    user: SimulatedUser,
    systems: Mapping[str, System],
    config: SessionsConfig,
    step_done: Callable[[], None] | None = None,
) -> SessionResults:
    """Simulate the same users with every system, and compare every other system with the first (`bm25`). `step_done`
    is called after every system.

    Raises DataError without topics, ValueError without systems.
    """
    if not systems:
        raise ValueError("Sessions cannot be simulated without a system; give at least one, the baseline first")
    runs: dict[str, list[Session]] = {}
    for name, system in systems.items():
        rewriting = RewritingEngine(engine_of(system, engine), system, config.exact_titles)
        runs[name] = list(simulate_sessions(topics, rewriting, user, config.sessions, config.seed))
        if step_done is not None:
            step_done()
    groups = needs_of_topics(topics, engine.analysis).groups
    needs = {topic.topic_id: int(group) for topic, group in zip(topics, groups, strict=True)}
    longest = max((len(session.turns) for run in runs.values() for session in run), default=0)
    return SessionResults(
        n_topics=len({_topic_of(session) for session in next(iter(runs.values()))}),
        figures={name: session_figures(run) for name, run in runs.items()},
        comparisons=_comparisons(runs, config, needs),
        clicked_at={name: _clicked_at(run, longest) for name, run in runs.items()},
    )


def _comparisons(
    runs: Mapping[str, Sequence[Session]], config: SessionsConfig, needs: Mapping[str, int]
) -> tuple[Comparison, ...]:
    """Every other system against the first, on each measure; every test has its own random numbers. `needs` is the
    number of the need of each topic id."""
    base, *others = runs
    tests = [(name, measure) for name in others for measure in SESSION_MEASURES]
    streams = np.random.default_rng([config.seed, 3]).spawn(len(tests))
    comparisons = []
    for (name, measure), rng in zip(tests, streams, strict=True):
        by_topic = paired_by_topic(runs[name], runs[base], measure)
        pairs = np.array(list(by_topic.values()), dtype=np.float64).reshape(-1, 2)  # (0, 2) without topics
        a, b = TopicValues(name, pairs[:, 0]), TopicValues(base, pairs[:, 1])
        of_topics = np.array([needs[topic_id] for topic_id in by_topic], dtype=np.int64)
        comparisons.append(compare(a, b, measure, rng, config.resamples, of_topics))
    return tuple(comparisons)


def session_figures(sessions: Sequence[Session]) -> SessionFigures:
    """The figures of `untilclick.search.log.stats` for sessions in memory; shares and means of nothing are None."""
    until_click = [queries_until_click(session) for session in sessions]
    clicked = [queries for queries in until_click if queries is not None]
    n = len(sessions)
    return SessionFigures(
        sessions=n,
        turns=sum(len(session.turns) for session in sessions),
        clicks=sum(len(session.clicked) for session in sessions),
        first_query_click_share=sum(queries == 1 for queries in clicked) / n if n else None,
        mean_queries_until_click=sum(clicked) / len(clicked) if clicked else None,
        abandonment_share=(n - len(clicked)) / n if n else None,
    )


def queries_until_click(session: Session) -> int | None:
    """Number of queries up to and including the first one with a click; None for an abandoned session."""
    return next((number for number, turn in enumerate(session.turns, start=1) if turn.clicks), None)


def _clicked_at(sessions: Sequence[Session], longest: int) -> tuple[int, ...]:
    """(longest + 1,) number of sessions by queries until the first click; the last entry counts abandoned
    sessions."""
    until_click = [queries_until_click(session) for session in sessions]
    return (*(until_click.count(n) for n in range(1, longest + 1)), until_click.count(None))


def paired_by_topic(
    sessions_a: Sequence[Session], sessions_b: Sequence[Session], measure: str
) -> dict[str, tuple[float, float]]:
    """Topic id -> a session measure of two systems, each the mean over the topic's sessions, in the order of the
    topics' first sessions.

    The test counts topics and not sessions, because sessions of one topic are not independent.
    """
    by_topic: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    for a, b in zip(sessions_a, sessions_b, strict=True):
        assert a.session_id == b.session_id
        until_a, until_b = queries_until_click(a), queries_until_click(b)
        if measure != QUERIES_SAVED or (until_a is not None and until_b is not None):
            by_topic[_topic_of(a)].append((_value(until_a, measure), _value(until_b, measure)))
    means = {topic_id: np.mean(pairs, axis=0) for topic_id, pairs in by_topic.items()}
    return {topic_id: (float(a), float(b)) for topic_id, (a, b) in means.items()}


def _value(until_click: int | None, measure: str) -> float:
    if measure == FIRST_QUERY_CLICK:
        return float(until_click == 1)
    if measure == ABANDONMENT_AVOIDED:
        return -float(until_click is None)
    assert until_click is not None
    return -float(until_click)


def _topic_of(session: Session) -> str:
    return str(session.turns[0].attributes[TOPIC_ATTRIBUTE])
