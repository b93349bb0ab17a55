"""What a demo stands on: documents, engine, needs to train on and needs held out, for any collection.

Collections differ in what they bring. Where training topics or held-out topics are missing, they are made from the
documents, and a note says so; a split that is trained on is never evaluated on.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from untilclick.search.corpora.load import load_collection
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.corpora.topics import topics_from_documents
from untilclick.search.engines import open_engine
from untilclick.search.errors import DataError
from untilclick.search.records import Collection


@dataclass(frozen=True)
class DemoCollections:
    """The same documents twice: with the needs to train on, and with the needs held out."""

    training: OpenedCollection
    """Its split `train` is trained on."""
    held_out: OpenedCollection
    split: str
    """The split of `held_out` that is evaluated on."""
    notes: tuple[str, ...]
    """What had to be made, in sentences."""


def open_collections(data: str, engine: str, seed: int, index_folder: Path | None) -> DemoCollections:
    """Load a collection and open its engine. Raises DataError, before anything is written, where it cannot be read or
    no held-out topic can be had."""
    collection = load_collection(data, seed=seed)
    training, held_out, split, notes = choose_topics(collection, seed)
    opened = OpenedCollection.of(training, engine, lambda: open_engine(engine, collection.corpus, index_folder))
    return DemoCollections(opened, opened.with_topics(held_out), split, notes)


def choose_topics(collection: Collection, seed: int) -> tuple[Collection, Collection, str, tuple[str, ...]]:
    """The collection to train on, the one to evaluate on with its split, and what to say about it."""
    order = ("test", "dev") if collection.queries == "made" else ("dev", "test")
    split = next((name for name in order if _judged(collection, name)), None)
    if split is not None and _judged(collection, "train"):
        return collection, collection, split, ()
    made = Collection(collection.corpus, topics_from_documents(collection.corpus.documents, seed), "made")
    if split is not None and _judged(made, "train"):
        note = f"The collection has no training topics: they are made from its documents; {split} stays held out."
        return made, collection, split, (note,)
    made_split = next((name for name in ("test", "dev") if _judged(made, name)), None)
    if made_split is not None and _judged(collection, "train"):
        return collection, made, made_split, ("The collection has no held-out topics: they are made from documents.",)
    raise DataError(
        f"{collection.corpus.source} has too few documents with a sentence of text to make topics for training and "
        "for evaluation; give some hundred documents"
    )


def _judged(collection: Collection, split: str) -> bool:
    """Whether the split has a topic with a relevant document."""
    topics = collection.topics.get(split, ())
    return any(grade > 0 for topic in topics for grade in topic.relevance.values())
