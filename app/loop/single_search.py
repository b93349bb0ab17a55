"""One query searched as typed and as rewritten: the work of `untilclick search`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from untilclick.rewriter.rewrite import Rewrite, RewriteRequest
from untilclick.rewriter.serving.runtime import open_bundle
from untilclick.search.corpora.load import load_collection
from untilclick.search.engines import open_engine
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.records import WeightedQuery


@dataclass(frozen=True)
class Hit:
    """One result."""

    rank: int
    doc_id: str
    title: str
    """The document's title, or its id if it has none."""


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


def search_once(
    query: str,
    data: str,
    engine: str,
    k: int,
    bundle: Path | None,
    show: Callable[[str], AbstractContextManager[object]],
) -> SearchResults:
    """The first k results of a query and, with a bundle, those of its rewrite.

    `show` shows progress under a label until its block ends. Raises DataError for data that cannot be read and
    ModelError for a bundle that cannot be used.
    """
    with show("Opening the collection"):
        opened = open_engine(engine, load_collection(data).corpus)
    original = _hits(opened, WeightedQuery.of(query), k)
    if bundle is None:
        return SearchResults(query, original)
    rewrite = open_bundle(bundle, opened).rewrite([RewriteRequest(query)])[0]
    return SearchResults(query, original, rewrite, _hits(opened, rewrite.blend, k))


def _hits(engine: SearchEngine, query: WeightedQuery, k: int) -> list[Hit]:
    ranking = engine.search([query], k)[0]
    documents = engine.documents([entry.doc_id for entry in ranking])
    return [
        Hit(rank, document.doc_id, document.title or document.doc_id) for rank, document in enumerate(documents, 1)
    ]
