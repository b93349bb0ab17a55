"""BM25 by tantivy: embedded, on disk or in memory; ranks exactly like Lucene with k1 1.2 and b 0.75.

Queries are built from analysed terms, never parsed, so no character a visitor types has a meaning. Results carry
doc_ids from a table of the index's addresses, so a search reads no stored document.
"""

from __future__ import annotations

from collections.abc import Collection as AbstractCollection
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from tantivy import DocAddress, Index, Occur, Order, Query, Searcher

from search.engines.clauses import term_weights
from search.engines.feedback import FEEDBACK_DOCUMENTS, AnalysedDocuments, relevance_model
from search.engines.tantivy_index import BODY, DOC_ID, POSITION, from_tantivy, open_index
from search.errors import EngineError
from search.records import Corpus, Document, ScoredDoc, WeightedQuery

K1, B = 1.2, 0.75
"""Fixed inside tantivy, as in Lucene."""

FIRST_DEPTH = 128
"""How deep `rank_of` looks first; the depth grows eightfold until every document is found."""


@dataclass(frozen=True, slots=True, eq=False)
class _Snapshot:
    """One committed state of the index."""

    searcher: Searcher
    doc_ids: list[list[str]]
    """doc_id by segment and document number within it."""
    positions: list[list[int]]
    """Place in the corpus, likewise."""
    addresses: Mapping[str, DocAddress]
    """doc_id -> its address."""
    in_order: bool
    """Whether addresses ascend with positions, so that tantivy breaks ties as the corpus does."""


class TantivyEngine:
    """`SearchEngine` over one tantivy index. May be shared between threads."""

    def __init__(self, index: Index, corpus: Corpus) -> None:
        """Wrap an index that holds exactly the corpus; callers use `open`."""
        self._index = index
        self._snapshot = _snapshot(index.searcher(), corpus)
        self._analysed = AnalysedDocuments(self.documents)
        schema = index.schema
        self._term_query = lru_cache(maxsize=1 << 16)(
            lambda term: Query.term_query(schema, BODY, term, index_option="freq")
        )

    @classmethod
    def open(cls, corpus: Corpus, directory: Path | None = None) -> TantivyEngine:
        """Open or build the index of the corpus below `directory`, or build it in memory.

        Raises `EngineError` where the directory cannot be used.
        """
        return cls(open_index(corpus, directory), corpus)

    @property
    def name(self) -> str:
        """`tantivy`."""
        return "tantivy"

    def search(self, queries: Sequence[WeightedQuery], k: int) -> list[list[ScoredDoc]]:
        """See `SearchEngine.search`."""
        snapshot = self._snapshot
        return [self._top(snapshot, self._query(query), k) for query in queries]

    def rank_of(self, query: WeightedQuery, doc_ids: AbstractCollection[str]) -> dict[str, int | None]:
        """See `SearchEngine.rank_of`. Raises `EngineError` for an unknown id."""
        snapshot = self._snapshot
        for doc_id in doc_ids:
            _address(snapshot, doc_id)
        ranks: dict[str, int | None] = dict.fromkeys(doc_ids)
        built = self._query(query)
        wanted = self._matching(snapshot, built, doc_ids)
        depth = FIRST_DEPTH
        while wanted:
            ranking = self._top(snapshot, built, depth)
            for rank, entry in enumerate(ranking, start=1):
                if entry.doc_id in wanted:
                    ranks[entry.doc_id] = rank
            wanted = {doc_id for doc_id in wanted if ranks[doc_id] is None}
            if len(ranking) < depth:
                break
            depth *= 8
        return ranks

    def feedback_terms(self, query: WeightedQuery, n: int) -> list[tuple[str, float]]:
        """See `SearchEngine.feedback_terms`."""
        ranking = self._top(self._snapshot, self._query(query), FEEDBACK_DOCUMENTS)
        return relevance_model(ranking, self._analysed.get([entry.doc_id for entry in ranking]), n)

    def documents(self, doc_ids: Sequence[str]) -> list[Document]:
        """See `SearchEngine.documents`; read from the index's store."""
        snapshot = self._snapshot
        return [from_tantivy(snapshot.searcher.doc(_address(snapshot, doc_id))) for doc_id in doc_ids]

    def _query(self, query: WeightedQuery) -> Query | None:
        """A should-query of boosted terms; None without terms."""
        parts: list[tuple[Occur, Query]] = []
        for term, weight in term_weights(query).items():
            part = self._term_query(term)
            parts.append((Occur.Should, part if weight == 1.0 else Query.boost_query(part, weight)))
        if not parts:
            return None
        return parts[0][1] if len(parts) == 1 else Query.boolean_query(parts)

    def _matching(self, snapshot: _Snapshot, built: Query | None, doc_ids: AbstractCollection[str]) -> set[str]:
        """Those of the documents that contain any term of the query."""
        if built is None or not doc_ids:
            return set()
        among = Query.term_set_query(self._index.schema, DOC_ID, list(doc_ids))
        both = Query.boolean_query([(Occur.Must, built), (Occur.Must, among)])
        hits = snapshot.searcher.search(both, limit=len(doc_ids), count=False).hits
        return {snapshot.doc_ids[address.segment_ord][address.doc] for _, address in hits}

    def _top(self, snapshot: _Snapshot, built: Query | None, k: int) -> list[ScoredDoc]:
        if built is None or k <= 0:
            return []
        limit = min(k, max(len(snapshot.addresses), 1))
        if not snapshot.in_order:
            return _top_by_position(snapshot, built, limit)
        doc_ids = snapshot.doc_ids
        hits = snapshot.searcher.search(built, limit=limit, count=False).hits
        return [ScoredDoc(doc_ids[address.segment_ord][address.doc], score) for score, address in hits]


def _top_by_position(snapshot: _Snapshot, built: Query, limit: int) -> list[ScoredDoc]:
    """The first documents with ties in corpus order, for an index whose addresses are in another order: look beyond
    `limit` until the last tie is complete, then sort."""
    depth = limit + 1
    while True:
        hits = snapshot.searcher.search(built, limit=depth, count=False).hits
        if len(hits) < depth or hits[-1][0] < hits[limit - 1][0]:
            break
        depth *= 2
    ordered = sorted((-score, snapshot.positions[a.segment_ord][a.doc], a) for score, a in hits)
    return [ScoredDoc(snapshot.doc_ids[a.segment_ord][a.doc], -negative) for negative, _, a in ordered[:limit]]


def _address(snapshot: _Snapshot, doc_id: str) -> DocAddress:
    address = snapshot.addresses.get(doc_id)
    if address is None:
        raise EngineError(f"No document {doc_id!r} in the index. Check the id, or build the index anew")
    return address


def _snapshot(searcher: Searcher, corpus: Corpus) -> _Snapshot:
    """Tables of a searcher whose documents' positions are places in the corpus."""
    hits = searcher.search(
        Query.all_query(), limit=max(searcher.num_docs, 1), count=False, order_by_field=POSITION, order=Order.Asc
    ).hits
    if len(hits) != len(corpus.documents):
        raise EngineError(f"The index holds {len(hits)} documents, the corpus {len(corpus.documents)}. Build it anew")
    sizes = [0] * searcher.num_segments
    for _, address in hits:
        sizes[address.segment_ord] = max(sizes[address.segment_ord], address.doc + 1)
    doc_ids, positions = [[""] * size for size in sizes], [[0] * size for size in sizes]
    addresses: dict[str, DocAddress] = {}
    for position, address in hits:
        doc_id = corpus.documents[position].doc_id
        doc_ids[address.segment_ord][address.doc] = doc_id
        positions[address.segment_ord][address.doc] = position
        addresses[doc_id] = address
    keys = [(address.segment_ord, address.doc) for _, address in hits]
    return _Snapshot(searcher, doc_ids, positions, addresses, in_order=keys == sorted(keys))
