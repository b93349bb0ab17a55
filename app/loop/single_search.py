"""One query searched as typed and as rewritten: the work of `untilclick search`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from untilclick.app.service.reading import ReadingsAnswer
from untilclick.rewriter.caution import Caution
from untilclick.rewriter.readings import Reading, Readings
from untilclick.rewriter.rewrite import Rewrite, RewriteRequest
from untilclick.rewriter.serving.bundle import read_manifest
from untilclick.rewriter.serving.readings.ranker import rank
from untilclick.rewriter.serving.readings.searched_query import SearchedQuery
from untilclick.rewriter.serving.runtime import open_bundle
from untilclick.search.analysis.by_name import analysis_by_name
from untilclick.search.analysis.guess import AUTO, analysis_of_language
from untilclick.search.corpora.load import load_corpus
from untilclick.search.engines import open_engine
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.engines.vectors.encoded_corpus import fixed_vectors
from untilclick.search.records import Corpus


@dataclass(frozen=True)
class Hit:
    """One result."""

    rank: int
    doc_id: str
    title: str
    """The document's title, or its id if it has none."""
    found_by: tuple[Reading, ...] = (Reading.WORDS,)
    """The readings that found the document."""


@dataclass(frozen=True)
class SearchResults:
    """The results of one query."""

    query: str
    """The query as typed."""
    original: list[Hit]
    """Results of the query as typed."""
    rewrite: Rewrite | None = None
    """None without a bundle."""
    rewritten: list[Hit] | None = None
    """Results of the rewritten query; None without a bundle."""
    languages: Sequence[str] = ()
    """Codes of the languages that the documents are read in."""
    readings: ReadingsAnswer | None = None
    """How the rewriter read the query; None without a bundle."""


@dataclass(frozen=True)
class SingleSearch:
    """What is searched, and how."""

    data: str
    """Source of the documents, see `untilclick.search.corpora.load.load_collection`."""
    engine: str = "tantivy"
    k: int = 10
    """Number of results."""
    bundle: Path | None = None
    """Exported rewriter; None searches the query only as typed."""
    exact_titles: bool = True
    """Whether a document whose title is the query comes first, as in the service."""
    language: str = AUTO
    """Language of the documents; with a bundle, the bundle's analysis decides."""
    caution: Caution | None = None
    """How much harm the rewrite may do for its gain, see `open_bundle`."""
    readings: Readings = Readings.AUTO
    """How the rewriter reads the query."""

    def open_engine(self, corpus: Corpus) -> SearchEngine:
        """The engine over the documents. Raises DataError, ModelError and AnalysisError."""
        if self.bundle is None:
            analysis = analysis_of_language(self.language, corpus.documents)
        else:
            analysis = analysis_by_name(read_manifest(self.bundle, verify=False).analysis)
        return open_engine(self.engine, corpus, analysis=analysis)


def search_once(
    query: str, search: SingleSearch, show: Callable[[str], AbstractContextManager[object]]
) -> SearchResults:
    """The first k results of a query and, with a bundle, those of its rewrite.

    `show` shows progress under a label until its block ends. Raises DataError for data that cannot be read and
    ModelError for a bundle that cannot be used.
    """
    with show("Opening the collection"):
        corpus = load_corpus(search.data)
        engine = search.open_engine(corpus)
    titled = engine.with_title(query) if search.exact_titles else ()
    original = _hits(engine, SearchedQuery.typed(query), titled, search.k)
    if search.bundle is None:
        return SearchResults(query, original, languages=engine.analysis.languages)
    rewriter = open_bundle(search.bundle, engine, fixed_vectors(corpus.documents), search.caution)
    rewrite = rewriter.rewrite([RewriteRequest(query)])[0]
    searched = SearchedQuery.of(rewrite, readings=search.readings)
    rewritten = _hits(engine, searched, titled, search.k)
    readings = ReadingsAnswer.of(searched, rewrite, search.readings)
    return SearchResults(query, original, rewrite, rewritten, engine.analysis.languages, readings)


def _hits(engine: SearchEngine, query: SearchedQuery, titled: Sequence[str], k: int) -> list[Hit]:
    """The results of a query, first of them the documents `titled`."""
    (ranking,) = rank(engine, [query], k, titled=[titled])
    documents = engine.documents([entry.doc_id for entry in ranking.shown])
    found_by = [ranking.finds.of(document.doc_id) for document in documents]
    return [
        Hit(rank, document.doc_id, document.title or document.doc_id, tuple(sorted(found, reverse=True)))
        for rank, (document, found) in enumerate(zip(documents, found_by, strict=True), 1)
    ]
