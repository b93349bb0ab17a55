"""Held-out queries parted by their lay words: those that users of training topics know, those that they never type,
and queries without lay words.

Users of held-out topics know both halves of the lay words (`untilclick.search.users.naming`), users of training
topics one. In a query of the first two groups lay words carry at least `LAY_IDF_SHARE` of the inverse document
frequency of its words, and none of them stands in a wanted document. Few queries are of that kind, so many users
search for each held-out topic, and go on until they give up; tests resample needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from untilclick.rewriter.evaluation.results import LayGroup, TopicRow
from untilclick.rewriter.evaluation.statistics import TopicValues, compare
from untilclick.rewriter.evaluation.system_runs import measure_system
from untilclick.rewriter.evaluation.systems import System, TypedTopic
from untilclick.rewriter.judging.needs import needs_of_topics
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.measures.metrics import Floats
from untilclick.search.records import Topic
from untilclick.search.users.need import NeedReader
from untilclick.search.users.user import SimulatedUser, TypedQuery

LAY_MEASURE = "nDCG@10"
"""The measure of the groups."""

LAY_IDF_SHARE = 0.5
"""Least share of the inverse document frequencies of a query's words that its lay words have."""

USERS_PER_TOPIC = 60
"""Number of users who search for each topic, for the groups with lay words."""

KNOWN, NEW, WITHOUT = "lay_known", "lay_new", "without"
"""The groups: all lay words of the query are of the half that users of training topics know; one is of the other
half; the query has none."""

GROUP_TITLES: Mapping[str, str] = {
    WITHOUT: "no lay word",
    KNOWN: "lay words of training users",
    NEW: "other lay words",
}
"""Group -> how people read it, in the order of tables."""

LAY_COMPARED: tuple[tuple[str, str], ...] = (
    ("base", "spelling"),
    ("warm_start", "base"),
    ("ppo", "base"),
    ("final", "base"),
    ("base", "bm25"),
    ("warm_start", "bm25"),
    ("ppo", "bm25"),
    ("bm25_encoder", "spelling"),
    ("spelling", "bm25"),
)
"""Pairs of systems (a, b) that are tested in every group."""


@dataclass(frozen=True)
class LayQueries:
    """The queries of an evaluation, by their lay words."""

    with_lay_words: Mapping[str, Sequence[TypedTopic]]
    """Group -> its queries."""
    rows: Sequence[tuple[Topic, TopicRow]]
    """The evaluated topics whose query has no lay word, with their outcomes."""


@dataclass(frozen=True)
class LayConfig:
    """How many queries are searched, and how systems are compared."""

    queries: int
    """Largest number of queries of each group with lay words."""
    seed: int
    """Seed of the users and of the tests."""
    resamples: int
    """Sign flips and bootstrap samples of each comparison."""


def group_of(query: TypedQuery, user: SimulatedUser) -> str | None:
    """The group of a typed query; None if it has lay words of too little weight."""
    lay = user.attributes(query).keys() & {KNOWN, NEW}
    if not lay:
        return WITHOUT
    if _lay_idf_share(query, user.needs) < LAY_IDF_SHARE:
        return None
    return NEW if NEW in lay else KNOWN


def _lay_idf_share(query: TypedQuery, needs: NeedReader) -> float:
    """The share of the idf of the query's words, as they were meant, that is of lay words."""
    weights = [needs.idf_of(word.meant) for word in query.words]
    lay = sum(weight for word, weight in zip(query.words, weights, strict=True) if word.concept)
    return lay / sum(weights) if lay else 0.0


def lay_queries(topics: Sequence[Topic], user: SimulatedUser, config: LayConfig) -> dict[str, list[TypedTopic]]:
    """The different queries with lay words that users type for the topics, by group, at most `config.queries` each;
    the first users of all topics come before the second ones. No user finds anything."""
    groups: dict[str, dict[tuple[str, str], TypedTopic]] = {KNOWN: {}, NEW: {}}
    streams = np.random.default_rng([config.seed, 6]).spawn(len(topics))
    for _ in range(USERS_PER_TOPIC):
        for topic, rng in zip(topics, streams, strict=True):
            for query in _queries_of_one(user, topic, rng):
                group, key = group_of(query, user), (topic.topic_id, query.text)
                of_group = groups.get(group or "")
                if of_group is not None and key not in of_group and len(of_group) < config.queries:
                    # measures need an id for each query
                    numbered = replace(topic, topic_id=f"{topic.topic_id} {group} {len(of_group)}")
                    of_group[key] = TypedTopic(numbered, query.text, lay_words=query.lay_words)
            if all(len(of_group) >= config.queries for of_group in groups.values()):
                return _listed(groups)
    return _listed(groups)


def _listed(groups: Mapping[str, Mapping[tuple[str, str], TypedTopic]]) -> dict[str, list[TypedTopic]]:
    return {name: list(queries.values()) for name, queries in groups.items()}


def _queries_of_one(user: SimulatedUser, topic: Topic, rng: np.random.Generator) -> Iterator[TypedQuery]:
    """The queries of a user who finds nothing."""
    query: TypedQuery | None = user.first_query(topic, rng)
    while query is not None:
        yield query
        query = user.next_query(topic, query, rng)


def measure_lay_groups(
    engine: SearchEngine,
    queries: LayQueries,
    systems: Mapping[str, System],
    config: LayConfig,
    titled: Callable[[str], Sequence[str]],
    step_done: Callable[[], None],
) -> dict[str, LayGroup]:
    """The figures of each group that has queries. `titled` gives the ids of the documents that come first, because
    their title is the query; `step_done` is called after every system."""
    groups = queries.with_lay_words
    values: dict[str, dict[str, Floats]] = {name: {} for name in groups}
    flat = [typed for of_group in groups.values() for typed in of_group]
    ends = np.cumsum([len(of_group) for of_group in groups.values()])[:-1]
    first = [titled(typed.query) for typed in flat]
    for name, system in systems.items():
        parts = np.split(measure_system(engine, flat, system, first, LAY_MEASURE), ends)
        for group, part in zip(groups, parts, strict=True):
            values[group][name] = part
        step_done()
    values[WITHOUT] = {
        name: np.array([row.outcomes[name].values[LAY_MEASURE] for _, row in queries.rows], dtype=np.float64)
        for name in systems
    }
    topics = {name: [typed.topic for typed in of_group] for name, of_group in groups.items()}
    topics[WITHOUT] = [topic for topic, _ in queries.rows]
    return {name: _group(engine, topics[name], values[name], config) for name in topics if topics[name]}


def _group(
    engine: SearchEngine, topics: Sequence[Topic], values: Mapping[str, Floats], config: LayConfig
) -> LayGroup:
    """The means of the systems over a group, and the comparisons of those of `LAY_COMPARED` that were evaluated."""
    needs = needs_of_topics(topics, engine.analysis)
    pairs = [(a, b) for a, b in LAY_COMPARED if a in values and b in values]
    streams = np.random.default_rng([config.seed, 7]).spawn(len(pairs))
    comparisons = tuple(
        compare(
            TopicValues(a, values[a]), TopicValues(b, values[b]), LAY_MEASURE, rng, config.resamples, needs.groups
        )
        for (a, b), rng in zip(pairs, streams, strict=True)
    )
    means = {name: float(of_system.mean()) for name, of_system in values.items()}
    return LayGroup(len(topics), needs.n_groups, means, comparisons)
