"""The fake search engine: simulated users search, click, type another query or give up, which makes sessions for a
log.

The users of a batch step together: one `engine.search` call and one draw of the click model serve all of them, and
rankings of earlier queries come from a cache. Each user has a random generator of its own, made from the seed and the
user's number, so a session does not depend on its batch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from untilclick.search.click_models.base import DRAWS_PER_RANK, NO_DOCUMENT, ClickModel, Clicks
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.errors import DataError, UntilclickError
from untilclick.search.records import TOPIC_ATTRIBUTE, Click, Session, Topic, Turn, WeightedQuery
from untilclick.search.users.user import SimulatedUser, TypedQuery, UserConfig

START_TIME = 1_700_000_000.0
"""Start of the first simulated session in seconds since the epoch (14 November 2023). It is fixed, so that equal
seeds give equal bytes."""


@dataclass(frozen=True)
class SimulateConfig:
    """How sessions are made. The sizes of batch and cache change speed and memory alone, never the sessions."""

    batch_size: int = 512
    """Number of users that step together."""
    cache_size: int = 100_000
    """Number of rankings kept for queries that come again."""
    first_number: int = 0
    """Number of the first session. Sessions are independent, so a run that ended after m sessions continues with
    `first_number` m."""
    topic_exponent: float = 0.0
    """Popularity of topics: the n-th topic, in an order shuffled by the seed, is drawn with probability proportional
    to 1 / n^exponent. 0 is uniform, 1 is Zipf's law."""
    prominence_exponent: float = 1.0
    """Popularity of topics that were made from documents: a topic is drawn in proportion to (1 + n)^exponent, where n
    other documents name the document that it wants (`untilclick.search.text.prominence`). 0 is uniform. That people
    look for what others speak of is the assumption of Kraaij, Westerveld & Hiemstra (SIGIR 2002); in proportion to
    it is one of ours. `need_popularity` reads it; topics that people wrote are drawn without it."""
    visitors: int = 0
    """Number of visitors that the sessions come from, as their client ids tell; 0: sessions have no client id. The
    n-th visitor comes with probability proportional to 1 / n (Zipf's law), whatever the topic."""
    start_time: float = START_TIME
    """Start of the first session, in seconds since the epoch."""
    seconds_between_sessions: float = 20.0
    """Mean time between the starts of two sessions."""
    typing_seconds: float = 8.0
    """Mean time for thinking of a query and typing it."""
    examining_seconds: float = 1.5
    """Mean time for looking at one result."""
    dwell_seconds: float = 20.0
    """Mean time on a clicked document before the user returns to the list."""

    def __repr__(self) -> str:
        """The settings as text. `visitors` and `prominence_exponent` appear only if they are not 0: keys of a demo's
        steps are hashes of this text, and a demo that was begun before there were these settings goes on."""
        later = ("visitors", "prominence_exponent")
        names = [each.name for each in fields(self) if each.name not in later or getattr(self, each.name)]
        return f"SimulateConfig({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"


@dataclass(frozen=True)
class SimulateSummary:
    """Counts of the sessions that a run made."""

    sessions: int
    queries: int
    clicked_at_first_query: int
    """Sessions with one query, which got a click."""
    abandoned: int
    """Sessions without any click."""


@dataclass(slots=True, eq=False)
class _Visit:
    """A user within a session."""

    session_id: str
    topic: Topic
    rng: np.random.Generator
    query: TypedQuery
    time: float
    turns: list[Turn]
    client_id: str | None


class _Results:
    """Ranked doc_ids by query text, in a cache that drops the least recently used queries."""

    def __init__(self, engine: SearchEngine, k: int, cache_size: int) -> None:
        self._engine, self._k = engine, k
        self._cache: LRUCache[str, tuple[str, ...]] = LRUCache(max(cache_size, 1))

    def of(self, queries: Sequence[str]) -> list[tuple[str, ...]]:
        """The ranking of each query. All queries missing from the cache are searched in one call, each once."""
        # The cache may drop a query of this batch while another one enters it, so the batch has its own mapping.
        rankings = {query: self._cache[query] for query in dict.fromkeys(queries) if query in self._cache}
        missing = [query for query in dict.fromkeys(queries) if query not in rankings]
        if missing:
            results = self._engine.search([WeightedQuery.of(query) for query in missing], self._k)
            for query, result in zip(missing, results, strict=True):
                rankings[query] = self._cache[query] = tuple([document.doc_id for document in result])
        return [rankings[query] for query in queries]


def simulate_sessions(  # noqa: PLR0913  who searches what, where, how often
    topics: Sequence[Topic],
    engine: SearchEngine,
    user: SimulatedUser,
    n: int,
    seed: int,
    config: SimulateConfig | None = None,
    *,
    popularity: NDArray[np.float64] | None = None,
) -> Iterator[Session]:
    """n search sessions of users with needs drawn from the topics, in order of their numbers.

    `popularity` (T,) > 0: how often each topic is drawn relative to the others, beside `topic_exponent`; equally
    often by default. `untilclick.search.users.popularity` makes it of `prominence_exponent`.

    A session ends at the first satisfying click or is abandoned, unless the users' habit is to search on after such
    a click (`go_on_prob`); clicks below the satisfying one are not made. The same arguments give the same sessions,
    whatever the batch size, and the first m of n sessions are those of m.

    Raises UntilclickError for a negative number of sessions or visitors, DataError for no topics.
    """
    assert popularity is None or len(popularity) == len(topics)
    config = config or SimulateConfig()
    if n < 0:
        raise UntilclickError(f"{n} sessions asked for; give 0 or more")
    if config.visitors < 0:
        raise UntilclickError(f"{config.visitors} visitors asked for (simulate.visitors); give 0 or more")
    if not topics:
        raise DataError("No topics to simulate users for. Choose a split that has topics")
    return _Simulation(topics, engine, user, seed, config, popularity).sessions(n)


class _Simulation:
    """The state that the batches share."""

    def __init__(
        self,
        topics: Sequence[Topic],
        engine: SearchEngine,
        user: SimulatedUser,
        seed: int,
        config: SimulateConfig,
        popularity: NDArray[np.float64] | None,
    ) -> None:
        self._config, self._user, self._seed = config, user, seed
        self._k = user.config.results_examined
        self._results = _Results(engine, self._k, config.cache_size)
        max_grade = max((grade for topic in topics for grade in topic.relevance.values()), default=1)
        self._clicks: ClickModel = user.click_model(max(max_grade, 1))
        # Users draw from the streams (seed, 0, number), so the order of topics has (seed, 1) for itself. Visitors are
        # drawn from (seed, 2, number): their number does not change what users do.
        order = np.random.default_rng((seed, 1)).permutation(len(topics))
        self._topics = [topics[i] for i in order]
        weights = _zipf_weights(len(topics), config.topic_exponent)
        self._topic_cdf = _cdf(weights if popularity is None else weights * popularity[order])
        self._visitor_cdf = _cdf(_zipf_weights(config.visitors, 1.0))
        self._attributes: dict[str, str | int | float | bool | None] = {
            "click_model": user.config.click_model,
            "behaviour": user.config.behaviour,
            "seed": seed,
        }
        self._prefix = f"sim-{_digest(topics, user.config, config, popularity)}-{seed}"

    def sessions(self, n: int) -> Iterator[Session]:
        first, end = self._config.first_number, self._config.first_number + n
        for start in range(first, end, self._config.batch_size):
            visits = [self._arrive(number) for number in range(start, min(start + self._config.batch_size, end))]
            active = visits
            while active:
                active = self._step(active)
            for visit in visits:
                yield Session(visit.session_id, "simulated", tuple(visit.turns), visit.client_id)

    def _arrive(self, number: int) -> _Visit:
        """The user of that number, who has a topic in mind and has typed its first query."""
        rng = _stream(self._seed, 0, number)
        chosen, typing, lateness = rng.random(3).tolist()
        topic = self._topics[_drawn(self._topic_cdf, chosen)]
        start = self._config.start_time + (number + lateness) * self._config.seconds_between_sessions
        time = start + 2.0 * typing * self._config.typing_seconds
        query = self._user.first_query(topic, rng)
        return _Visit(f"{self._prefix}-{number:08d}", topic, rng, query, time, [], self._client_id(number))

    def _client_id(self, number: int) -> str | None:
        """The visitor of a session; None if sessions have no client ids."""
        if self._config.visitors == 0:
            return None
        return f"{self._prefix}-visitor-{_drawn(self._visitor_cdf, _stream(self._seed, 2, number).random())}"

    def _step(self, visits: list[_Visit]) -> list[_Visit]:
        """Let every user search once; returns the users who have typed another query."""
        rankings = self._results.of([visit.query.text for visit in visits])
        grades = np.array(
            [_grades(visit.topic, ranking, self._k) for visit, ranking in zip(visits, rankings, strict=True)]
        )  # (B, k)
        draws = np.stack([visit.rng.random((self._k, DRAWS_PER_RANK)) for visit in visits])  # (B, k, 2)
        clicks = self._clicks.sample_with(grades, draws)
        satisfied = clicks.satisfied.tolist()
        going_on = []
        for visit, shown, ranks, rank in zip(visits, rankings, _clicked_ranks(clicks), satisfied, strict=True):
            self._record(visit, shown, ranks)
            if self._retype(visit, satisfied=rank >= 0):
                going_on.append(visit)
        return going_on

    def _record(self, visit: _Visit, shown: tuple[str, ...], ranks: Sequence[int]) -> None:
        """Add the turn to the visit, and move the visit's clock past it."""
        query_id = f"{visit.session_id}-{visit.query.step}"
        # Mean 1: before each click and on the clicked document, and below the last click.
        paces = (2.0 * visit.rng.random(2 * len(ranks) + 1)).tolist()
        time, reached = visit.time, 0
        clicks = []
        for i, rank in enumerate(ranks):
            time += (rank - reached) * self._config.examining_seconds * paces[2 * i]
            clicks.append(Click(query_id, shown[rank - 1], rank, round(time, 3)))
            time += self._config.dwell_seconds * paces[2 * i + 1]
            reached = rank
        attributes = {**self._attributes, TOPIC_ATTRIBUTE: visit.topic.topic_id}
        attributes |= self._user.attributes(visit.query)
        step, text = visit.query.step, visit.query.text
        visit.turns.append(Turn(query_id, step, text, None, shown, tuple(clicks), round(visit.time, 3), attributes))
        visit.time = time + (len(shown) - reached) * self._config.examining_seconds * paces[-1]

    def _retype(self, visit: _Visit, *, satisfied: bool) -> bool:
        """Let the user type its next query; False if the session ends."""
        query = self._user.next_query(visit.topic, visit.query, visit.rng, satisfied=satisfied)
        if query is None:
            return False
        visit.query = query
        visit.time += 2.0 * visit.rng.random() * self._config.typing_seconds
        return True


class Tally:
    """Counts the sessions of a stream."""

    def __init__(self, progress: Callable[[int], None] | None = None) -> None:
        self._progress = progress
        self._sessions = self._queries = self._first = self._abandoned = 0

    def count(self, sessions: Iterable[Session]) -> Iterator[Session]:
        """Count the sessions and yield them. `progress` gets the number of sessions after each one."""
        for session in sessions:
            self._sessions += 1
            self._queries += len(session.turns)
            self._first += len(session.turns) == 1 and not session.abandoned
            self._abandoned += session.abandoned
            yield session
            if self._progress is not None:
                self._progress(self._sessions)

    @property
    def summary(self) -> SimulateSummary:
        """The counts so far."""
        return SimulateSummary(self._sessions, self._queries, self._first, self._abandoned)


def _grades(topic: Topic, ranking: tuple[str, ...], k: int) -> list[int]:
    """The grade of the document at each of k ranks, `NO_DOCUMENT` below the end of the ranking."""
    grade_of = topic.relevance.get
    return [grade_of(doc_id, 0) for doc_id in ranking] + [NO_DOCUMENT] * (k - len(ranking))


def _clicked_ranks(clicks: Clicks) -> list[list[int]]:
    """The clicked ranks (1-based) of each list, down to the satisfying click."""
    ranks: list[list[int]] = [[] for _ in clicks.clicked]
    satisfied = clicks.satisfied.tolist()
    for row, column in np.argwhere(clicks.clicked).tolist():
        if satisfied[row] < 0 or column < satisfied[row]:
            ranks[row].append(column + 1)
    return ranks


def _stream(seed: int, purpose: int, number: int) -> np.random.Generator:
    """The random numbers of one purpose for the session of that number."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, purpose, number))))


def _zipf_weights(n: int, exponent: float) -> NDArray[np.float64]:
    """(n,) weights of n things, the n-th of which has 1 / n^exponent."""
    return np.asarray(1.0 / np.arange(1, n + 1) ** exponent, dtype=np.float64)


def _cdf(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) cumulative probabilities of n things that are drawn in proportion to their weights (n,)."""
    return np.asarray(np.cumsum(weights) / weights.sum(), dtype=np.float64)


def _drawn(cdf: NDArray[np.float64], chosen: float) -> int:
    """The place that a random number in [0, 1) falls on; rounding can leave the last probability below 1."""
    return min(int(np.searchsorted(cdf, chosen, side="right")), cdf.size - 1)


def _digest(
    topics: Sequence[Topic], user: UserConfig, config: SimulateConfig, popularity: NDArray[np.float64] | None
) -> str:
    """Eight hexadecimal digits of a hash over topics and their popularity, habits and the number of visitors, which
    keep the session ids of different runs apart."""
    settings: tuple[object, ...] = (user, config.topic_exponent, config.start_time)
    if config.visitors:  # without visitors the ids are those of earlier versions, so that their logs can be continued
        settings += (config.visitors,)
    digest = hashlib.sha256(repr(settings).encode())
    for topic in topics:
        digest.update(f"{topic.topic_id}\0{topic.query}\0".encode())
    if popularity is not None:
        digest.update(popularity.tobytes())
    return digest.hexdigest()[:8]
