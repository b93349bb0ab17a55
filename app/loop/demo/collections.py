"""The collection of a demo: documents, engine, topics to train on, and topics held out for the evaluation.

Collections differ in their topics. Missing training topics or held-out topics are made from the documents, and a note
says so. A split that is trained on is never evaluated on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from untilclick.rewriter.config import RunConfig
from untilclick.rewriter.judging.needs import share_a_need
from untilclick.search.analysis.analysis import Analysis
from untilclick.search.analysis.by_name import english
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.corpora.topics import topics_from_documents
from untilclick.search.errors import DataError
from untilclick.search.records import Collection, Topic


@dataclass(frozen=True)
class DemoCollections:
    """The same documents twice: with the training topics, and with the held-out topics."""

    training: OpenedCollection
    """Its split `train` is trained on."""
    held_out: OpenedCollection
    split: str
    """Split of `held_out` that is evaluated on."""
    notes: tuple[str, ...]
    """Sentences about topics that had to be made."""


class TopicChoice(NamedTuple):
    """The topics that a demo trains and evaluates on."""

    training: Collection
    held_out: Collection
    split: str
    """Split of `held_out` that is evaluated on."""
    notes: tuple[str, ...]
    """Sentences about topics that had to be made."""


def open_collections(run: RunConfig, index_folder: Path | None) -> DemoCollections:
    """Load a collection and open its engine.

    Raises DataError, before anything is written, for data that cannot be read and for documents that give no held-out
    topic.
    """
    loaded = OpenedCollection.load(run.data, run.engine, run.seed, index_folder, language=run.language)
    choice = choose_topics(loaded.collection, run.seed, loaded.analysis)
    opened = loaded.with_topics(choice.training)
    return DemoCollections(opened, opened.with_topics(choice.held_out), choice.split, choice.notes)


def choose_topics(collection: Collection, seed: int, analysis: Analysis | None = None) -> TopicChoice:
    """Choose training topics and held-out topics of a collection, and make what is missing.

    Raises DataError if the documents are too few to make the missing topics from.
    """
    # The topics that come with a collection are first evaluated on `dev`: their `test` is for reported figures.
    order = ("test", "dev") if collection.queries == "made" else ("dev", "test")
    split = next((name for name in order if _judged(collection, name)), None)
    if split is not None and _judged(collection, "train"):
        return TopicChoice(collection, collection, split, ())
    made = Collection(collection.corpus, topics_from_documents(collection.corpus.documents, seed, analysis), "made")
    if split is not None and _judged(made, "train"):
        kept, n_left_out = _without_needs_of(made, collection.topics[split], analysis)
        note = f"The collection has no training topics: they are made from its documents; {split} stays held out."
        left_out = f"{n_left_out:,} of those made are left out, because they want what {split} wants."
        return TopicChoice(kept, collection, split, (note, left_out) if n_left_out else (note,))
    made_split = next((name for name in ("test", "dev") if _judged(made, name)), None)
    if made_split is not None and _judged(collection, "train"):
        note = "The collection has no held-out topics: they are made from documents."
        return TopicChoice(collection, made, made_split, (note,))
    raise DataError(
        f"{collection.corpus.source} has too few documents with a sentence of text to make topics for training and "
        "for evaluation; give some hundred documents"
    )


def _without_needs_of(
    made: Collection, held_out: Sequence[Topic], analysis: Analysis | None
) -> tuple[Collection, int]:
    """The collection without the training topics that share a need with held-out ones, and the number of those; all
    of it if none would be left."""
    training = made.topics["train"]
    shared = share_a_need(training, held_out, analysis or english())
    kept = tuple(topic for topic, is_shared in zip(training, shared.tolist(), strict=True) if not is_shared)
    if not kept:
        return made, 0
    return replace(made, topics={**made.topics, "train": kept}), len(training) - len(kept)


def _judged(collection: Collection, split: str) -> bool:
    """Whether the split has a topic with a relevant document."""
    topics = collection.topics.get(split, ())
    return any(grade > 0 for topic in topics for grade in topic.relevance.values())
