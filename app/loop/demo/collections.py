"""The collection of a demo: documents, engine, topics to train on, and topics held out for the evaluation.

Collections differ in their topics. Missing training topics or held-out topics are made from the documents, and a note
says so. A split that is trained on is never evaluated on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from untilclick.rewriter.config import RunConfig
from untilclick.search.analysis.analysis import Analysis
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.corpora.topics import topics_from_documents
from untilclick.search.engines.vectors.encoded_corpus import EncodedCorpus
from untilclick.search.errors import DataError
from untilclick.search.records import Collection


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

    def with_vectors(self, encoded: EncodedCorpus | None) -> DemoCollections:
        """The same with the documents as vectors."""
        training, held_out = (each.with_vectors(encoded) for each in (self.training, self.held_out))
        return replace(self, training=training, held_out=held_out)


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
        note = f"The collection has no training topics: they are made from its documents; {split} stays held out."
        return TopicChoice(made, collection, split, (note,))
    made_split = next((name for name in ("test", "dev") if _judged(made, name)), None)
    if made_split is not None and _judged(collection, "train"):
        note = "The collection has no held-out topics: they are made from documents."
        return TopicChoice(collection, made, made_split, (note,))
    raise DataError(
        f"{collection.corpus.source} has too few documents with a sentence of text to make topics for training and "
        "for evaluation; give some hundred documents"
    )


def _judged(collection: Collection, split: str) -> bool:
    """Whether the split has a topic with a relevant document."""
    topics = collection.topics.get(split, ())
    return any(grade > 0 for topic in topics for grade in topic.relevance.values())
