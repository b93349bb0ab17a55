"""An opened collection: documents and topics with the index, the speller and the engine that work on them.

Training stages, evaluation and the demo open a collection once and share it. What they need besides (a log, a split,
a run folder) is not in here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from untilclick.search.corpora.load import load_collection
from untilclick.search.engines import open_engine
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.records import Collection
from untilclick.search.text.spelling import SpellingCorrector
from untilclick.search.text.term_index import TermIndex


@dataclass(frozen=True)
class OpenedCollection:
    """A loaded collection, indexed."""

    collection: Collection
    index: TermIndex
    """Terms and counts of the documents."""
    spelling: SpellingCorrector
    """Knows the words of the documents."""
    engine_name: str
    """The engine by name; training rewards follow its ranking formula without opening it."""
    open_engine: Callable[[], SearchEngine] = field(repr=False)
    """Opens the engine at its first call and returns the same one from then on."""

    @classmethod
    def load(
        cls, data: str, engine: str = "tantivy", seed: int = 0, index_folder: Path | None = None
    ) -> OpenedCollection:
        """Load a `--data` source and index it. `seed` draws topics where they are made from the documents,
        `index_folder` keeps the engine's index between runs. Raises DataError when the source cannot be read."""
        collection = load_collection(data, seed=seed)
        return cls.of(collection, engine, lambda: open_engine(engine, collection.corpus, index_folder))

    @classmethod
    def of(
        cls, collection: Collection, engine_name: str, opener: Callable[[], SearchEngine] | None = None
    ) -> OpenedCollection:
        """Index a loaded collection. `opener` opens its engine, an engine in memory if it is left out."""
        index = TermIndex.build(collection.corpus)
        opener = opener or (lambda: open_engine(engine_name, collection.corpus))
        return cls(collection, index, SpellingCorrector.from_index(index), engine_name, cache(opener))

    @property
    def engine(self) -> SearchEngine:
        """The engine over the documents. The first use opens it, which raises EngineError where it cannot be."""
        return self.open_engine()

    def with_topics(self, collection: Collection) -> OpenedCollection:
        """The same documents with other topics; index, speller and engine are shared."""
        assert collection.corpus is self.collection.corpus
        return replace(self, collection=collection)
