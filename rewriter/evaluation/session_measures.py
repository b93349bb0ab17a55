"""What a rewriter changes for whole search sessions: clicks at the first query, queries until a click, abandonment.

The same simulated users, with the same needs and random numbers, search once with every system; what they type is
rewritten before it is searched, for later queries too, each as if it were the first. Sessions of the same number are
pairs. Figures of a log are computed by `untilclick.search.log.stats`, with the same definitions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Collection as AbstractCollection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from untilclick.rewriter.evaluation.statistics import RESAMPLES, Comparison, compare
from untilclick.rewriter.evaluation.systems import System, TypedTopic, engine_of
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.log.stats import SessionFigures
from untilclick.search.records import TOPIC_ATTRIBUTE, Document, Feedback, ScoredDoc, Session, Topic, WeightedQuery
from untilclick.search.users.simulate import simulate_sessions
from untilclick.search.users.user import SimulatedUser

FIRST_QUERY_CLICK = "first_query_click"
"""Session measure: 1 where the first query got a click."""
QUERIES_SAVED = "queries_saved"
"""Session measure: queries until the first click, negated, over sessions that got a click with both systems."""
ABANDONMENT_AVOIDED = "abandonment_avoided"
"""Session measure: -1 where nothing was clicked."""

SESSION_MEASURES = (FIRST_QUERY_CLICK, QUERIES_SAVED, ABANDONMENT_AVOIDED)
"""What is compared; larger is better in all."""


@dataclass(frozen=True)
class SessionsConfig:
    """How many sessions, and which."""

    sessions: int = 1_000
    """Sessions per system; topics are drawn uniformly, so a topic has several."""
    seed: int = 0
    """Random numbers of the users and of the statistics."""
    resamples: int = RESAMPLES
    """Sign flips and bootstrap samples."""


@dataclass(frozen=True)
class SessionResults:
    """Sessions of all systems."""

    n_topics: int
    """Topics that had a session: what the comparisons count."""
    figures: Mapping[str, SessionFigures]
    """By system."""
    comparisons: tuple[Comparison, ...]
    """Every system against the first, on each of SESSION_MEASURES, paired by topic (mean over its sessions)."""
    clicked_at: Mapping[str, tuple[int, ...]]
    """By system: sessions whose first click came at query 1, 2, ..., and last the sessions without any."""


@dataclass(frozen=True)
class RewritingEngine:
    """A search engine whose plain queries go through a system first; a query of several clauses is left alone.

    A simulated user knows nothing of it, exactly as a visitor of the service.
    """

    engine: SearchEngine
    system: System

    @property
    def name(self) -> str:
        """The name of the engine underneath."""
        return self.engine.name

    def search(self, queries: Sequence[WeightedQuery], k: int) -> list[list[ScoredDoc]]:
        """See `SearchEngine`."""
        return self.engine.search(self._rewritten(queries), k)

    def rank_of(self, query: WeightedQuery, doc_ids: AbstractCollection[str]) -> dict[str, int | None]:
        """See `SearchEngine`."""
        return self.engine.rank_of(self._rewritten([query])[0], doc_ids)

    def feedback_terms(self, query: WeightedQuery, n: int) -> list[tuple[str, float]]:
        """Of the query as typed: rewriters ask for these themselves."""
        return self.engine.feedback_terms(query, n)

    def feedback(self, query: WeightedQuery, n: int) -> Feedback:
        """As `feedback_terms`."""
        return self.engine.feedback(query, n)

    def documents(self, doc_ids: Sequence[str]) -> list[Document]:
        """See `SearchEngine`."""
        return self.engine.documents(doc_ids)

    def _rewritten(self, queries: Sequence[WeightedQuery]) -> list[WeightedQuery]:
        plain = [i for i, query in enumerate(queries) if len(query.clauses) == 1]
        texts = [queries[i].clauses[0][0] for i in plain]
        answers = self.system([TypedTopic(Topic("", text, {}), text) for text in texts])
        searched = list(queries)
        for i, answer in zip(plain, answers, strict=True):
            searched[i] = answer.query
        return searched


def measure_sessions(
    engine: SearchEngine,
    topics: Sequence[Topic],
    user: SimulatedUser,
    systems: Mapping[str, System],
    config: SessionsConfig,
    done: Callable[[], None] | None = None,
) -> SessionResults:
    """Simulate the same users with every system; the first system (`bm25`) is what the others are compared with.
    `done` is called after every system.

    Raises DataError without topics, ValueError without systems.
    """
    if not systems:
        raise ValueError("No system to simulate sessions with")
    runs: dict[str, list[Session]] = {}
    for name, system in systems.items():
        rewriting = RewritingEngine(engine_of(system, engine), system)
        runs[name] = list(simulate_sessions(topics, rewriting, user, config.sessions, config.seed))
        if done is not None:
            done()
    base, *others = runs
    tasks = [(name, measure) for name in others for measure in SESSION_MEASURES]
    streams = np.random.default_rng([config.seed, 3]).spawn(len(tasks))
    comparisons = tuple(
        compare((name, base), measure, paired_by_topic(runs[name], runs[base], measure), rng, config.resamples)
        for (name, measure), rng in zip(tasks, streams, strict=True)
    )
    n_topics = len({_topic_of(session) for session in runs[base]})
    longest = max((len(session.turns) for run in runs.values() for session in run), default=0)
    return SessionResults(
        n_topics,
        {name: session_figures(run) for name, run in runs.items()},
        comparisons,
        {name: _clicked_at(run, longest) for name, run in runs.items()},
    )


def session_figures(sessions: Sequence[Session]) -> SessionFigures:
    """The figures of `untilclick.search.log.stats` for sessions at hand; shares and means of nothing are None."""
    until = [queries_until_click(session) for session in sessions]
    clicked = [n for n in until if n is not None]
    n = len(sessions)
    return SessionFigures(
        sessions=n,
        turns=sum(len(session.turns) for session in sessions),
        clicks=sum(len(session.clicked) for session in sessions),
        first_query_click_share=sum(one == 1 for one in clicked) / n if n else None,
        mean_queries_until_click=sum(clicked) / len(clicked) if clicked else None,
        abandonment_share=(n - len(clicked)) / n if n else None,
    )


def queries_until_click(session: Session) -> int | None:
    """Queries up to and including the first one clicked, None for an abandoned session."""
    return next((number for number, turn in enumerate(session.turns, start=1) if turn.clicks), None)


def _clicked_at(sessions: Sequence[Session], longest: int) -> tuple[int, ...]:
    """(longest + 1,) sessions by queries until the first click; those without a click come last."""
    until = [queries_until_click(session) for session in sessions]
    return (*(until.count(n) for n in range(1, longest + 1)), until.count(None))


def paired_by_topic(
    ours: Sequence[Session], theirs: Sequence[Session], measure: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two (topics,) arrays of a session measure, each the mean over the topic's sessions; topics in order of their
    first session. Sessions of one topic are not independent, so topics are what a test may count."""
    sums: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for our, their in zip(ours, theirs, strict=True):
        assert our.session_id == their.session_id
        mine, other = queries_until_click(our), queries_until_click(their)
        if measure != QUERIES_SAVED or (mine is not None and other is not None):
            sums[_topic_of(our)].append((_value(mine, measure), _value(other, measure)))
    means = np.array([np.mean(pairs, axis=0) for pairs in sums.values()], dtype=np.float64).reshape(-1, 2)
    return means[:, 0], means[:, 1]


def _value(until_click: int | None, measure: str) -> float:
    if measure == FIRST_QUERY_CLICK:
        return float(until_click == 1)
    if measure == ABANDONMENT_AVOIDED:
        return -float(until_click is None)
    assert until_click is not None
    return -float(until_click)


def _topic_of(session: Session) -> str:
    return str(session.turns[0].attributes[TOPIC_ATTRIBUTE])
