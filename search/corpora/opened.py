"""An opened collection: documents and topics with their analysis, term index, spelling corrector and engine.

Training stages, evaluation and the demo open a collection once and share it. A log, a split or a run folder is not
part of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path

from untilclick.search.analysis.analysis import Analysis
from untilclick.search.analysis.by_name import analysis_by_name
from untilclick.search.analysis.guess import AUTO, analysis_of_language
from untilclick.search.corpora.load import load_collection
from untilclick.search.engines import open_engine
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.engines.vectors.document_vectors import IndexNow, KnownVectors
from untilclick.search.engines.vectors.encoded_corpus import EncodedCorpus, fixed_vectors
from untilclick.search.records import Collection, Document
from untilclick.search.text.encoders.encoder import Encoder
from untilclick.search.text.spelling import SpellingCorrector
from untilclick.search.text.term_index import TermIndex


@dataclass(frozen=True)
class OpenedCollection:
    """A loaded collection with everything that searches its documents."""

    collection: Collection
    index: TermIndex
    """The term counts of the documents."""
    spelling: SpellingCorrector
    """Corrects queries with the words of the documents."""
    engine_name: str
    """Name of the engine. Training rewards follow its ranking formula without opening it."""
    open_engine: Callable[[], SearchEngine] = field(repr=False)
    """Opens the engine at the first call and returns the same engine at every later call."""
    encoded: EncodedCorpus | None = field(default=None, repr=False)
    """The documents as vectors of a sentence encoder; None if they are not encoded."""

    @classmethod
    def load(
        cls,
        data: str,
        engine: str = "tantivy",
        seed: int = 0,
        index_folder: Path | None = None,
        analysis: str | None = None,
        language: str | None = None,
    ) -> OpenedCollection:
        """Load a source (as `--data` names it) and index it.

        `analysis` names the analysis. If it is None, `language` decides, as `analysis_of_language` reads it; None
        means `auto`. `seed` is used if topics are made from the documents. `index_folder` keeps the engine's index
        between runs; None keeps it in memory.

        Raises DataError if the source cannot be read, AnalysisError for an analysis or language that is not known,
        and MissingDependencyError if the source or the analysis needs a package that is not installed.
        """

        @cache  # made topics need the analysis, too, and a guess takes a second
        def choose(documents: tuple[Document, ...]) -> Analysis:
            return analysis_by_name(analysis) if analysis else analysis_of_language(language or AUTO, documents)

        collection = load_collection(data, seed=seed, choose=choose)
        chosen = choose(collection.corpus.documents)
        opener = partial(open_engine, engine, collection.corpus, index_folder, chosen)
        return cls.of(collection, engine, opener, chosen)

    @classmethod
    def of(
        cls,
        collection: Collection,
        engine_name: str,
        opener: Callable[[], SearchEngine] | None = None,
        analysis: Analysis | None = None,
    ) -> OpenedCollection:
        """Index a loaded collection. `opener` opens its engine; by default that is an engine in memory. `analysis` is
        English's by default."""
        index = TermIndex.build(collection.corpus, analysis)
        opener = opener or partial(open_engine, engine_name, collection.corpus, None, index.analysis)
        return cls(collection, index, SpellingCorrector.from_index(index), engine_name, cache(opener))

    @property
    def analysis(self) -> Analysis:
        """The analysis of the documents."""
        return self.index.analysis

    @property
    def engine(self) -> SearchEngine:
        """The engine over the documents. The first use opens it and raises EngineError if that fails."""
        return self.open_engine()

    @property
    def encoder_digest(self) -> str | None:
        """Digest of the encoder of the documents' vectors; None if they are not encoded."""
        return None if self.encoded is None else self.encoded.encoder.card.digest

    @property
    def encoder_digests(self) -> tuple[str, ...]:
        """The digest of the encoder in the keys of steps that it decides; empty without one."""
        return () if self.encoder_digest is None else (self.encoder_digest,)

    def vectors(self, encoder: Encoder, known: KnownVectors) -> IndexNow:
        """A `DocumentVectors`. Documents are encoded into the cache if they are not those of `encoded`."""
        encoded = self.encoded
        if encoded is not None and encoder.card.digest == self.encoder_digest:
            return lambda: encoded.index
        return fixed_vectors(self.collection.corpus.documents)(encoder, known)

    def with_topics(self, collection: Collection) -> OpenedCollection:
        """The same documents with other topics. Index, spelling corrector and engine are shared."""
        assert collection.corpus is self.collection.corpus
        return replace(self, collection=collection)

    def with_vectors(self, encoded: EncodedCorpus | None) -> OpenedCollection:
        """The same collection with its documents as vectors."""
        return replace(self, encoded=encoded)
