"""BM25 by an OpenSearch or Elasticsearch cluster: where one machine is outgrown.

Queries are built from analysed terms, never parsed, so no character a visitor types has a meaning. Every request may
fail, as the cluster may be away; the next one works again as soon as the cluster does.
"""

from __future__ import annotations

from collections.abc import Collection as AbstractCollection
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from untilclick.search.engines.clauses import term_weights
from untilclick.search.engines.deepening import ranks_in
from untilclick.search.engines.feedback import FEEDBACK_DOCUMENTS, AnalysedDocuments, feedback
from untilclick.search.engines.opensearch_client import Cluster, cluster_failures, connect
from untilclick.search.engines.opensearch_index import (
    BODY,
    EXACT,
    POSITION,
    TEXT,
    TITLE,
    IndexOptions,
    Json,
    Progress,
    document_of,
    open_index,
    sources,
)
from untilclick.search.errors import EngineError, UnknownDocumentError
from untilclick.search.records import Corpus, Document, Feedback, ScoredDoc, WeightedQuery

if TYPE_CHECKING:
    from opensearchpy import OpenSearch

WINDOW = 10_000
"""Most results that a cluster gives at once, by its own default."""

SEARCHES_AT_ONCE = 20
"""Queries of a batch sent in one request: the time-out is for all of them."""

DEFAULT_OPTIONS = IndexOptions()


class OpenSearchEngine:
    """`SearchEngine` over one index of a cluster. May be shared between threads."""

    def __init__(self, client: OpenSearch, place: str, index: str) -> None:
        """Wrap a complete index; callers use `open`. `place` is the cluster's address for messages."""
        self._client = client
        self._place = place
        self._index = index
        self._analysed = AnalysedDocuments(self.documents)

    @classmethod
    def open(
        cls,
        corpus: Corpus,
        cluster: Cluster,
        options: IndexOptions = DEFAULT_OPTIONS,
        progress: Progress | None = None,
    ) -> OpenSearchEngine:
        """Open the index of the corpus; make it, or go on loading it, where it is not complete.

        Raises EngineError as `open_index` does, and MissingDependencyError without opensearch-py.
        """
        client = connect(cluster)
        try:
            return cls(client, cluster.place, open_index(client, cluster.place, corpus, options, progress))
        except BaseException:
            client.close()
            raise

    @property
    def name(self) -> str:
        """`opensearch`."""
        return "opensearch"

    @property
    def index(self) -> str:
        """Name of the index."""
        return self._index

    def search(self, queries: Sequence[WeightedQuery], k: int) -> list[list[ScoredDoc]]:
        """See `SearchEngine.search`. Raises `EngineError` where the cluster fails."""
        weights = [term_weights(query) for query in queries]
        rankings: list[list[ScoredDoc]] = [[] for _ in queries]
        asked = [i for i, one in enumerate(weights) if one and k > 0]
        if k > WINDOW:
            for i in asked:
                rankings[i] = self._deep(weights[i], k)
            return rankings
        for start in range(0, len(asked), SEARCHES_AT_ONCE):
            some = asked[start : start + SEARCHES_AT_ONCE]
            found = self._hits([_request(_scored(weights[i]), k) for i in some])
            for i, hits in zip(some, found, strict=True):
                rankings[i] = _ranking(hits)
        return rankings

    def rank_of(self, query: WeightedQuery, doc_ids: AbstractCollection[str]) -> dict[str, int | None]:
        """See `SearchEngine.rank_of`. Raises `EngineError` for an unknown id, and where the cluster fails."""
        self._sources(list(doc_ids), fields=False)
        ranks: dict[str, int | None] = dict.fromkeys(doc_ids)
        weights = term_weights(query)
        wanted = self._matching(weights, list(doc_ids))
        return ranks | ranks_in(lambda depth: self._deep(weights, depth), wanted)

    def feedback_terms(self, query: WeightedQuery, n: int) -> list[tuple[str, float]]:
        """See `SearchEngine.feedback_terms`."""
        return self.feedback(query, n).terms

    def feedback(self, query: WeightedQuery, n: int) -> Feedback:
        """See `SearchEngine.feedback`; from the stored texts, as with every engine."""
        return feedback(self.search([query], FEEDBACK_DOCUMENTS)[0], self._analysed, n)

    def documents(self, doc_ids: Sequence[str]) -> list[Document]:
        """See `SearchEngine.documents`."""
        found = self._sources(doc_ids, fields=(TITLE, TEXT, EXACT))
        return [document_of(doc_id, found[doc_id]) for doc_id in doc_ids]

    def close(self) -> None:
        """Close the connections. The next request would open them again."""
        self._client.close()

    def _sources(self, doc_ids: Sequence[str], fields: Sequence[str] | bool) -> dict[str, Json]:
        """Stored fields by id; raises `UnknownDocumentError`."""
        with cluster_failures(self._place):
            found = sources(self._client, self._index, doc_ids, fields)
        known = {doc_id: source for doc_id, source in found.items() if source is not None}
        for doc_id in found.keys() - known.keys():
            raise UnknownDocumentError(f"No document {doc_id!r} in the index. Check the id, or build the index anew")
        return known

    def _matching(self, weights: Mapping[str, float], doc_ids: Sequence[str]) -> set[str]:
        """Those documents that have a term of the query."""
        if not weights:
            return set()
        chunks = [list(doc_ids[start : start + WINDOW]) for start in range(0, len(doc_ids), WINDOW)]
        requests = [_request(_unscored(weights, chunk), len(chunk)) for chunk in chunks]
        return {hit["_id"] for hits in self._hits(requests) for hit in hits}

    def _deep(self, weights: Mapping[str, float], k: int) -> list[ScoredDoc]:
        """The first k documents, as many requests as it takes."""
        found: list[Json] = []
        while len(found) < k:
            size = min(k - len(found), WINDOW)
            after = found[-1]["sort"] if found else None
            page = self._hits([_request(_scored(weights), size, after)])[0]
            found += page
            if len(page) < size:
                break
        return _ranking(found)

    def _hits(self, requests: Sequence[Json]) -> list[list[Json]]:
        """The hits of each request. A shard that does not answer fails its search: no ranking is partial."""
        if not requests:
            return []
        # With several shards, idf is to be that of the whole corpus.
        header = {"search_type": "dfs_query_then_fetch", "allow_partial_search_results": False}
        lines = [line for request in requests for line in (header, request)]
        with cluster_failures(self._place):
            answers = self._client.msearch(body=lines, index=self._index)["responses"]
        for answer in answers:
            if "error" in answer:
                problem = f"{answer.get('status')}: {answer['error'].get('type')}, {answer['error'].get('reason')}"
                raise EngineError(f"OpenSearch at {self._place} could not search {self._index} ({problem})")
        return [answer["hits"]["hits"] for answer in answers]


def _scored(weights: Mapping[str, float]) -> Json:
    """A should-query of boosted terms."""
    return {"bool": {"should": [{"term": {BODY: {"value": one, "boost": weights[one]}}} for one in weights]}}


def _unscored(terms: Iterable[str], doc_ids: list[str]) -> Json:
    """Those of the documents that have one of the terms. All terms are one clause, so that they may be as many as
    those of a scored query."""
    return {"bool": {"filter": [{"terms": {BODY: list(terms)}}, {"ids": {"values": doc_ids}}]}}


def _request(query: Json, size: int, after: Sequence[float] | None = None) -> Json:
    """One search for ids and scores; `after` is the sort key of the hit to go on from."""
    request: Json = {
        "query": query,
        "size": size,
        "sort": [{"_score": "desc"}, {POSITION: "asc"}],
        "track_scores": True,
        "track_total_hits": False,
        "_source": False,
    }
    return request if after is None else request | {"search_after": list(after)}


def _ranking(hits: Sequence[Json]) -> list[ScoredDoc]:
    return [ScoredDoc(hit["_id"], float(hit["_score"])) for hit in hits if hit["_score"] > 0]
