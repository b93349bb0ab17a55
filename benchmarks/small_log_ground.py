"""Small logs for `bench_small_logs`: some needs of a collection, the sessions of people with these needs, and the
queries of other needs that judge what was learned from them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from untilclick.rewriter.data.encoding import encode_collection
from untilclick.rewriter.data.show import silently
from untilclick.rewriter.evaluation.systems import TypedTopic
from untilclick.rewriter.evaluation.typed_topics import typed_queries
from untilclick.rewriter.judging.needs import needs_of_topics, share_a_need
from untilclick.search.corpora.load import corpus_of, load_collection
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.corpora.topics import topics_from_documents
from untilclick.search.errors import DataError
from untilclick.search.records import Click, Collection, Session, Topic, Turn
from untilclick.search.text.encoders.opened import NONE
from untilclick.search.users.simulate import simulate_sessions
from untilclick.search.users.user import SimulatedUser, UserConfig

from benchmarks.live_sessions import as_of_a_person
from benchmarks.session_topics import read_lines, with_earlier_queries

TRAIN = "train"
REST = "rest"
"""Split of the training topics that were not drawn, if the collection has no other to judge by."""
DRAW_SEED = 20
SEED_STRIDE = 1000
"""Simulations of different seeds have the same draws apart."""


@dataclass(frozen=True)
class GroundConfig:
    """A collection, and how its logs are made."""

    data: str
    """Source of the documents, see `load_collection`."""
    sessions: int
    """Sessions of a log of all training topics; a log of some of them has its share."""
    documents: int | None = None
    """Number of documents, drawn at random, whose topics are made from them; None: all, with their own topics."""
    clicks_alone: bool = False
    """Whether the log keeps the topics of its sessions to itself."""
    own_sessions: bool = False
    """Whether the log holds the sessions of the folder's `sessions.jsonl`, which name no topic, and no others."""
    encoder: str = NONE
    """Name of the sentence encoder, see `open_encoder`."""

    @property
    def name(self) -> str:
        """A name for files."""
        parts = [Path(self.data).name]
        parts += [f"{self.documents}-documents"] * (self.documents is not None)
        parts += ["clicks"] * self.clicks_alone + ["own"] * self.own_sessions
        return "-".join(parts)

    @property
    def names_topics(self) -> bool:
        """Whether sessions name a topic."""
        return not (self.clicks_alone or self.own_sessions)


@dataclass(frozen=True)
class Draw:
    """The topics of a log, and the queries that judge."""

    topics: tuple[Topic, ...]
    n_needs: int
    judged: tuple[TypedTopic, ...]
    needs: NDArray[np.int64]
    """(n,) number of the need of each query that judges, the same in all draws."""
    apart: NDArray[np.bool_]
    """(n,) whether a query that judges shares no need with the topics of the log."""


@dataclass(frozen=True)
class Ground:
    """An opened collection to draw from."""

    config: GroundConfig
    opened: OpenedCollection

    @classmethod
    def open(cls, config: GroundConfig) -> Ground:
        """Load the collection and encode its documents. Raises DataError for one that cannot be read or has no
        training topics, and ModelError for what is no encoder."""
        if config.documents is None:
            opened = OpenedCollection.load(config.data)
        else:
            opened = OpenedCollection.of(_cut(load_collection(config.data), config.documents), "tantivy")
        if not opened.collection.topics.get(TRAIN):
            raise DataError(f"{config.data} has no training topics")
        opened = opened.with_vectors(encode_collection(config.encoder, opened, silently).corpus)
        return cls(config, opened.with_topics(with_earlier_queries(opened.collection, Path(config.data))))

    @cached_property
    def topics(self) -> tuple[Topic, ...]:
        """The topics that logs are drawn from."""
        return self.opened.collection.topics[TRAIN]

    @cached_property
    def needs(self) -> NDArray[np.int64]:
        """(n,) the need of each of these topics, from 0."""
        return np.unique(needs_of_topics(self.topics, self.opened.analysis).groups, return_inverse=True)[1]

    @property
    def n_needs(self) -> int:
        """Number of their needs."""
        return int(self.needs.max()) + 1

    @cached_property
    def judged_split(self) -> str | None:
        """The split that judges; None: the training topics that were not drawn do."""
        return next((name for name in ("dev", "test") if self.opened.collection.topics.get(name)), None)

    def draw(self, size: int, number: int) -> Draw:
        """The draw of that number, with `size` needs. Draws of one number hold those of fewer needs, see `_drawn`."""
        chosen = np.isin(self.needs, _drawn(self.n_needs, size, number))
        topics = tuple(topic for topic, each in zip(self.topics, chosen, strict=True) if each)
        judged, needs = self._judged(chosen)
        shared = share_a_need([typed.topic for typed in judged], topics, self.opened.analysis)
        return Draw(topics, size, judged, needs, ~shared)

    def collection_of(self, topics: tuple[Topic, ...]) -> OpenedCollection:
        """The collection as if it had these topics alone."""
        collection = self.opened.collection
        return self.opened.with_topics(Collection(collection.corpus, {TRAIN: topics}, collection.queries))

    def log(self, draw: Draw, seed: int, number: int) -> Iterator[Session]:
        """The sessions of people with the drawn needs."""
        if self.config.own_sessions:
            needs = {topic.need for topic in draw.topics}
            yield from (each for need, each in own_sessions(Path(self.config.data)) if need in needs)
            return
        opened = self.collection_of(draw.topics)
        user = SimulatedUser.of(opened.collection, UserConfig(misspellings="train", lay_part="train"), opened.index)
        n = max(1, round(self.config.sessions * len(draw.topics) / len(self.topics)))
        for session in simulate_sessions(draw.topics, opened.engine, user, n, SEED_STRIDE * seed + number):
            yield session if self.config.names_topics else as_of_a_person(session)

    def _judged(self, drawn: NDArray[np.bool_]) -> tuple[tuple[TypedTopic, ...], NDArray[np.int64]]:
        """The queries that judge what was learned from the drawn topics (n,), and their needs."""
        collection = self.opened.collection
        split = self.judged_split
        if split is not None:
            typed = tuple(typed_queries(collection, split, 0, self.opened.index))
            return typed, needs_of_topics([each.topic for each in typed], self.opened.analysis).groups
        rest = tuple(topic for topic, each in zip(self.topics, drawn, strict=True) if not each)
        others = Collection(collection.corpus, {REST: rest}, collection.queries)
        typed = tuple(typed_queries(others, REST, 0, self.opened.index))
        need_of = dict(zip((topic.topic_id for topic in self.topics), self.needs.tolist(), strict=True))
        return typed, np.array([need_of[each.topic.topic_id] for each in typed], dtype=np.int64)


def _drawn(n: int, size: int, number: int) -> NDArray[np.int64]:
    """The needs of a draw, `size` of n. Draws of more than half of the needs leave out other needs each, so that all
    draws together judge by many."""
    left_out = n - size
    if size <= left_out:
        return np.random.default_rng([DRAW_SEED, number]).permutation(n)[:size]
    order = np.random.default_rng(DRAW_SEED).permutation(n)
    return np.delete(order, (number * left_out + np.arange(left_out)) % n)


def own_sessions(folder: Path) -> Iterator[tuple[str, Session]]:
    """The sessions of a folder's `sessions.jsonl` that state a need, each with its name. The current query of a
    session, whose clicks are judged, is no part of them."""
    for record in read_lines(folder / "sessions.jsonl"):
        steps = record["steps"]
        assert isinstance(steps, list)
        turns = tuple(_turn(step, number) for number, step in enumerate(steps))
        if record.get("topic") is not None and turns:
            yield f"topic {record['topic']}", Session(f"own-{record['session_id']}", "live", turns)


def _turn(step: Mapping[str, object], number: int) -> Turn:
    query_id, clicks, shown = str(step["query_id"]), step["clicks"], step["shown"]
    assert isinstance(clicks, list)
    assert isinstance(shown, list)
    made = tuple(Click(query_id, str(each["doc"]), int(each["rank"]), float(each["start"])) for each in clicks)
    return Turn(query_id, number, str(step["query"]), None, tuple(map(str, shown)), made, 60.0 * number)


def _cut(collection: Collection, n: int) -> Collection:
    """n documents of a collection in their order, with topics made from them."""
    documents = collection.corpus.documents
    order = np.random.default_rng(DRAW_SEED).permutation(len(documents))
    corpus = corpus_of(collection.corpus.source, [documents[i] for i in np.sort(order[:n])])
    return Collection(corpus, topics_from_documents(corpus.documents, 0), "made")


def settings_text(config: GroundConfig, overrides: Sequence[str]) -> str:
    """All that draws depend on besides their size, seed and number, as JSON."""
    return json.dumps({"sessions": config.sessions, "encoder": config.encoder, "set": sorted(overrides)})
