"""The topics of an evaluation, each with the query that a user typed for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from untilclick.rewriter.evaluation.systems import TypedTopic
from untilclick.search.corpora.asked import ASKED, asked_questions
from untilclick.search.errors import DataError
from untilclick.search.records import Collection, Topic
from untilclick.search.text.term_index import TermIndex
from untilclick.search.users.misspellings import Part
from untilclick.search.users.user import SimulatedUser, UserConfig


def typed_queries(
    collection: Collection,
    split: str,
    seed: int,
    index: TermIndex | None = None,
    habits: UserConfig | None = None,
) -> list[TypedTopic]:
    """The judged topics of a split, each with the query that a user typed.

    If people wrote the queries, they are taken verbatim, with the session's earlier queries as history. If the
    queries were made from documents, a simulated user of these habits types them, with random numbers of its own per
    topic: the same seed gives the same queries. Topics without a relevant document are left out, because every
    ranking scores 0 on them. The split `asked` of Python's documentation are questions in people's words, taken
    verbatim.

    Raises DataError for a split that the collection lacks, or that has no judged topic.
    """
    topics = [topic for topic in _split(collection, split) if any(grade > 0 for grade in topic.relevance.values())]
    if not topics:
        raise DataError(
            f"Split {split!r} of {collection.corpus.source} has no topic with a relevant document; "
            "choose a split with judgments."
        )
    if collection.queries == "real" or split == ASKED:
        return [TypedTopic(topic, topic.query, topic.history) for topic in topics]
    user = simulated_user(collection, split, index, habits)
    streams = np.random.default_rng([seed, 2]).spawn(len(topics))
    typed = [(topic, user.first_query(topic, rng)) for topic, rng in zip(topics, streams, strict=True)]
    return [TypedTopic(topic, query.text, lay_words=query.lay_words) for topic, query in typed]


def simulated_user(
    collection: Collection, split: str, index: TermIndex | None, habits: UserConfig | None = None
) -> SimulatedUser:
    """The simulated user of a split's topics; its habits are the default ones unless some are given.

    Real misspellings come in two halves: users of the training split draw from one, all others from the other, so
    that held-out queries hold no misspelling that was seen in training. Users of the training split know one half of
    the lay words, all others both."""
    if split == ASKED:
        collection = replace(collection, queries="real")  # questions are typed as they are
    trains = split == "train"
    misspellings: Part = "train" if trains else "test"
    habits = replace(habits or UserConfig(), misspellings=misspellings, lay_part="train" if trains else "all")
    return SimulatedUser.of(collection, habits, index)


def _split(collection: Collection, split: str) -> tuple[Topic, ...]:
    asked = asked_questions(collection.corpus)
    if split == ASKED and asked:
        return asked
    if split not in collection.topics:
        names = ", ".join([*collection.topics, *((ASKED,) if asked else ())]) or "none"
        raise DataError(f"{collection.corpus.source} has no split {split!r}; choose one of: {names}.")
    return collection.topics[split]
