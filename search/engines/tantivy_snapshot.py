"""A committed state of a tantivy index, with tables from tantivy's addresses to doc_ids and places in the corpus.

An address (segment, number) is valid only in the state it came from, so the tables and the searcher are replaced
together. Thanks to the tables a search reads no stored document.
"""

from __future__ import annotations

from collections.abc import Collection as AbstractCollection
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tantivy import DocAddress, Index, Occur, Order, Query, Schema, Searcher

from untilclick.search.analysis.analysis import Analysis
from untilclick.search.engines.feedback import AnalysedDocuments
from untilclick.search.engines.tantivy_index import DOC_ID, POSITION, from_tantivy
from untilclick.search.errors import UnknownDocumentError
from untilclick.search.records import Document, ScoredDoc


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """A searcher and the documents that its addresses mean."""

    searcher: Searcher
    schema: Schema
    doc_ids: list[list[str]]
    """`doc_ids[segment][number]` is the doc_id at an address."""
    positions: list[list[int]]
    """`positions[segment][number]` is the place in the corpus of the document at an address."""
    addresses: Mapping[str, DocAddress]
    """doc_id -> address."""
    in_order: bool
    """Whether addresses and positions have the same order. Then tantivy breaks ties in corpus order."""
    analysed: AnalysedDocuments
    """The cache for feedback terms. It belongs to this state, because a replaced document has other terms."""

    @classmethod
    def take(cls, index: Index, corpus_ids: Sequence[str], analysis: Analysis) -> Snapshot:
        """The last committed state of an index.

        The places 0..len(corpus_ids)-1 belong to the documents of the corpus, whose ids are `corpus_ids`. The ids of
        documents that were added later are read from the store.
        """
        searcher = index.searcher()
        everything = Query.all_query()
        limit = max(searcher.num_docs, 1)
        hits = searcher.search(everything, limit=limit, count=False, order_by_field=POSITION, order=Order.Asc).hits
        sizes = [0] * searcher.num_segments
        for _, address in hits:
            sizes[address.segment_ord] = max(sizes[address.segment_ord], address.doc + 1)
        doc_ids, positions = [[""] * size for size in sizes], [[0] * size for size in sizes]
        addresses: dict[str, DocAddress] = {}
        for position, address in hits:
            added = position >= len(corpus_ids)
            doc_id = str(searcher.doc(address).get_first(DOC_ID)) if added else corpus_ids[position]
            doc_ids[address.segment_ord][address.doc] = doc_id
            positions[address.segment_ord][address.doc] = position
            addresses[doc_id] = address
        keys = [(address.segment_ord, address.doc) for _, address in hits]
        analysed = AnalysedDocuments(lambda requested: _stored(searcher, addresses, requested), analysis)
        return cls(searcher, index.schema, doc_ids, positions, addresses, keys == sorted(keys), analysed)

    def documents(self, doc_ids: Sequence[str]) -> list[Document]:
        """The stored documents in the order of the ids. Raises UnknownDocumentError for an unknown id."""
        return _stored(self.searcher, self.addresses, doc_ids)

    def top(self, query: Query | None, k: int) -> list[ScoredDoc]:
        """The first k documents, ties in corpus order. Without a query (None) there are none."""
        if query is None or k <= 0 or not self.addresses:
            return []
        limit = min(k, len(self.addresses))
        if not self.in_order:
            return self._top_by_position(query, limit)
        doc_ids = self.doc_ids
        hits = self.searcher.search(query, limit=limit, count=False).hits
        return [ScoredDoc(doc_ids[address.segment_ord][address.doc], score) for score, address in hits]

    def scores(self, query: Query | None, doc_ids: AbstractCollection[str]) -> dict[str, float]:
        """doc_id -> score, for those of the documents that match the query. The scores are those of `top`.

        The ids are a clause of score 0, and tantivy adds up the scores of terms in the order of the query, with the
        clause and without it. Raises UnknownDocumentError for an unknown id.
        """
        for doc_id in doc_ids:
            _address(self.addresses, doc_id)
        if query is None or not doc_ids:
            return {}
        among = Query.const_score_query(Query.term_set_query(self.schema, DOC_ID, list(doc_ids)), 0.0)
        both = Query.boolean_query([(Occur.Must, query), (Occur.Must, among)])
        hits = self.searcher.search(both, limit=len(doc_ids), count=False).hits
        return {self.doc_ids[address.segment_ord][address.doc]: score for score, address in hits}

    def _top_by_position(self, query: Query, limit: int) -> list[ScoredDoc]:
        """The first documents of an index whose addresses are not in corpus order.

        tantivy breaks ties by address. The search therefore goes beyond `limit` until it has all documents that tie
        with the last one, and sorts them.
        """
        depth = limit + 1
        while True:
            hits = self.searcher.search(query, limit=depth, count=False).hits
            if len(hits) < depth or hits[-1][0] < hits[limit - 1][0]:
                break
            depth *= 2
        ordered = sorted(
            (-score, self.positions[address.segment_ord][address.doc], self.doc_ids[address.segment_ord][address.doc])
            for score, address in hits
        )
        return [ScoredDoc(doc_id, -negative_score) for negative_score, _, doc_id in ordered[:limit]]


def _address(addresses: Mapping[str, DocAddress], doc_id: str) -> DocAddress:
    address = addresses.get(doc_id)
    if address is None:
        raise UnknownDocumentError(f"No document {doc_id!r} in the index. Check the id, or build the index again")
    return address


def _stored(searcher: Searcher, addresses: Mapping[str, DocAddress], doc_ids: Sequence[str]) -> list[Document]:
    return [from_tantivy(searcher.doc(_address(addresses, doc_id))) for doc_id in doc_ids]
