"""BM25 by an OpenSearch or Elasticsearch cluster, for corpora that are too large for one machine.

Queries are built from analysed terms and never parsed, so no typed character has a special meaning. Every request can
fail because the cluster is unreachable; later requests succeed as soon as the cluster is back.
"""

from __future__ import annotations

from collections.abc import Collection as AbstractCollection
from collections.abc import Container, Iterable, Sequence
from typing import TYPE_CHECKING

from untilclick.search.analysis.analysis import Analysis
from untilclick.search.analysis.by_name import english
from untilclick.search.engines.clauses import FieldWeights, term_weights
from untilclick.search.engines.deepening import ranks_in
from untilclick.search.engines.feedback import FEEDBACK_DOCUMENTS, AnalysedDocuments, feedback
from untilclick.search.engines.opensearch_client import Cluster, cause, cluster_failures, connect
from untilclick.search.engines.opensearch_index import (
    ASIDE,
    BODY,
    EXACT,
    POSITION,
    TEXT,
    TITLE,
    IndexOptions,
    Json,
    Loading,
    Progress,
    document_of,
    open_index,
    sources,
)
from untilclick.search.errors import EngineError, UnknownDocumentError
from untilclick.search.records import Corpus, Document, Feedback, ScoredDoc, WeightedQuery
from untilclick.search.text.titles import Titles

if TYPE_CHECKING:
    from opensearchpy import OpenSearch

WINDOW = 10_000
"""Maximum number of results of one request, the default of clusters."""

SEARCHES_AT_ONCE = 20
"""Number of queries in one request. The time limit of a request applies to all of them together."""

SEARCH_RETRIES = 2
"""Number of further attempts for a search during which shards were lost."""

DEFAULT_OPTIONS = IndexOptions()


class OpenSearchEngine:
    """`SearchEngine` over one index of a cluster. Threads may share it."""

    def __init__(
        self, client: OpenSearch, address: str, index: str, analysis: Analysis, titles: Titles | None = None
    ) -> None:
        """Use a complete index; callers call `open`. `address` is the cluster's address for messages."""
        self.analysis = analysis
        self._client = client
        self._address = address
        self._index = index
        self._analysed = AnalysedDocuments(self.documents, analysis)
        self._titles = titles or Titles.of(())

    @classmethod
    def open(
        cls,
        corpus: Corpus,
        cluster: Cluster,
        options: IndexOptions = DEFAULT_OPTIONS,
        progress: Progress | None = None,
        analysis: Analysis | None = None,
    ) -> OpenSearchEngine:
        """Open the index of the corpus. An index that is missing or incomplete is created and loaded first.

        `analysis` is English's by default. Raises EngineError as `open_index` does, and MissingDependencyError if
        opensearch-py is not installed.
        """
        analysis = analysis or english()
        client = connect(cluster)
        try:
            index = open_index(client, cluster.address, corpus, Loading(analysis, options, progress))
        except BaseException:
            client.close()
            raise
        titles = Titles.of(corpus.documents)
        return cls(client, cluster.address, index, analysis, titles)

    @property
    def name(self) -> str:
        """`opensearch`."""
        return "opensearch"

    @property
    def index(self) -> str:
        """Name of the index in the cluster."""
        return self._index

    def search(self, queries: Sequence[WeightedQuery], k: int) -> list[list[ScoredDoc]]:
        """See `SearchEngine.search`. Raises EngineError if the cluster fails."""
        weights = [term_weights(query, self.analysis) for query in queries]
        rankings: list[list[ScoredDoc]] = [[] for _ in queries]
        searched = [i for i, terms in enumerate(weights) if terms and k > 0]
        if k > WINDOW:
            for i in searched:
                rankings[i] = self._deep(weights[i], k)
            return rankings
        for start in range(0, len(searched), SEARCHES_AT_ONCE):
            batch = searched[start : start + SEARCHES_AT_ONCE]
            responses = self._hits([_request(_scored(weights[i]), k) for i in batch])
            for i, hits in zip(batch, responses, strict=True):
                rankings[i] = _ranking(hits)
        return rankings

    def scores(self, queries: Sequence[WeightedQuery], doc_ids: Sequence[Sequence[str]]) -> list[list[float]]:
        """See `SearchEngine.scores`. Raises EngineError if the cluster fails."""
        weights = [term_weights(query, self.analysis) for query in queries]
        by_id: list[dict[str, float]] = [{} for _ in queries]
        wanted = [
            (scores, _scored_among(terms, chunk), len(chunk))
            for scores, terms, ids in zip(by_id, weights, doc_ids, strict=True)
            for chunk in _windows(ids)
        ]
        for start in range(0, len(wanted), SEARCHES_AT_ONCE):
            batch = wanted[start : start + SEARCHES_AT_ONCE]
            responses = self._hits([_request(query, size) for _, query, size in batch])
            for (scores, _, _), hits in zip(batch, responses, strict=True):
                scores |= {hit["_id"]: float(hit["_score"]) for hit in hits}
        for scores, ids in zip(by_id, doc_ids, strict=True):
            _check_known(ids, scores)
        return [[scores[doc_id] for doc_id in ids] for scores, ids in zip(by_id, doc_ids, strict=True)]

    def rank_of(self, query: WeightedQuery, doc_ids: AbstractCollection[str]) -> dict[str, int | None]:
        """See `SearchEngine.rank_of`. Raises EngineError if the cluster fails."""
        self._sources(list(doc_ids), fields=False)  # raises for an unknown id
        ranks: dict[str, int | None] = dict.fromkeys(doc_ids)
        weights = term_weights(query, self.analysis)
        matching = self._matching(weights, list(doc_ids))
        return ranks | ranks_in(lambda depth: self._deep(weights, depth), matching)

    def feedback_terms(self, query: WeightedQuery, n: int) -> list[tuple[str, float]]:
        """See `SearchEngine.feedback_terms`."""
        return self.feedback(query, n).terms

    def feedback(self, query: WeightedQuery, n: int) -> Feedback:
        """See `SearchEngine.feedback`."""
        return feedback(self.search([query], FEEDBACK_DOCUMENTS)[0], self._analysed, n)

    def documents(self, doc_ids: Sequence[str]) -> list[Document]:
        """See `SearchEngine.documents`."""
        stored = self._sources(doc_ids, fields=(TITLE, TEXT, EXACT))
        return [document_of(doc_id, stored[doc_id]) for doc_id in doc_ids]

    def with_title(self, title: str) -> list[str]:
        """See `TitleLookup.with_title`. Asks the corpus and not the cluster, which takes a thousand times longer."""
        return self._titles.with_title(title)

    def close(self) -> None:
        """Close the connections. A later request opens them again."""
        self._client.close()

    def _sources(self, doc_ids: Sequence[str], fields: Sequence[str] | bool) -> dict[str, Json]:
        """doc_id -> stored fields. Raises UnknownDocumentError for an unknown id."""
        with cluster_failures(self._address):
            all_sources = sources(self._client, self._index, doc_ids, fields)
        stored = {doc_id: source for doc_id, source in all_sources.items() if source is not None}
        _check_known(all_sources, stored)
        return stored

    def _matching(self, weights: FieldWeights, doc_ids: Sequence[str]) -> set[str]:
        """The documents of `doc_ids` that contain a term of the query."""
        if not weights:
            return set()
        requests = [_request(_unscored(weights, chunk), len(chunk)) for chunk in _windows(doc_ids)]
        return {hit["_id"] for hits in self._hits(requests) for hit in hits}

    def _deep(self, weights: FieldWeights, k: int) -> list[ScoredDoc]:
        """The first k documents, by as many requests as that takes."""
        hits: list[Json] = []
        while len(hits) < k:
            size = min(k - len(hits), WINDOW)
            after = hits[-1]["sort"] if hits else None
            page = self._hits([_request(_scored(weights), size, after)])[0]
            hits += page
            if len(page) < size:
                break
        return _ranking(hits)

    def _hits(self, requests: Sequence[Json]) -> list[list[Json]]:
        """The hits of each request. A search fails if a shard does not answer, so no ranking is partial.

        A search that has lost shards is sent again. It takes two steps, and the cluster cannot take the second one on
        another copy of a shard: if a node breaks down between them, the search fails although there is a copy.
        """
        responses = self._responses(requests)
        for _ in range(SEARCH_RETRIES):
            lost = [i for i, response in enumerate(responses) if _has_lost_shards(response)]
            for i, response in zip(lost, self._responses([requests[i] for i in lost]), strict=True):
                responses[i] = response
        for response in responses:
            if "error" in response:
                problem = f"{response.get('status')}: {cause(response['error'])}"
                raise EngineError(f"OpenSearch at {self._address} could not search {self._index} ({problem})")
        return [response["hits"]["hits"] for response in responses]

    def _responses(self, requests: Sequence[Json]) -> list[Json]:
        """The response to each search."""
        if not requests:
            return []
        # dfs: the idf of the whole corpus, instead of each shard's own
        header = {"search_type": "dfs_query_then_fetch", "allow_partial_search_results": False}
        lines = [line for request in requests for line in (header, request)]
        with cluster_failures(self._address):
            return list(self._client.msearch(body=lines, index=self._index)["responses"])


def _check_known(doc_ids: Iterable[str], known: Container[str]) -> None:
    """Raise UnknownDocumentError for the first id that is not among the known ones."""
    for doc_id in doc_ids:
        if doc_id not in known:
            raise UnknownDocumentError(f"No document {doc_id!r} in the index. Check the id, or build the index again")


def _windows(doc_ids: Sequence[str]) -> list[list[str]]:
    """The distinct ids in lists that one request may ask for. An empty id, which no document has, is left out."""
    distinct = list(dict.fromkeys(doc_id for doc_id in doc_ids if doc_id))
    return [distinct[start : start + WINDOW] for start in range(0, len(distinct), WINDOW)]


def _has_lost_shards(response: Json) -> bool:
    """Whether a search failed because shards did not answer, and not because of the query."""
    error = response.get("error")
    return (
        isinstance(error, dict)
        and error.get("type") == "search_phase_execution_exception"
        and int(response.get("status", 0)) >= 500
    )


def _scored(weights: FieldWeights) -> Json:
    """A query for documents with any of the terms; each term's score is multiplied by its weight."""
    clauses = [
        {"term": {field: {"value": term, "boost": weight}}}
        for field, of_field in ((BODY, weights.body), (ASIDE, weights.aside))
        for term, weight in of_field.items()
    ]
    return {"bool": {"should": clauses}}


def _scored_among(weights: FieldWeights, doc_ids: list[str]) -> Json:
    """A query for these documents, with the scores of `_scored`; 0 for one that has none of the terms."""
    return {"bool": {**_scored(weights)["bool"], "filter": [{"ids": {"values": doc_ids}}]}}


def _unscored(weights: FieldWeights, doc_ids: list[str]) -> Json:
    """A query for those of the documents that have any of the terms, without scores.

    The terms of a field make up one clause, so their number does not count towards the cluster's limit of clauses.
    """
    fields = ((BODY, weights.body), (ASIDE, weights.aside))
    matching = [{"terms": {field: list(of_field)}} for field, of_field in fields if of_field]
    return {"bool": {"filter": [{"bool": {"should": matching}}, {"ids": {"values": doc_ids}}]}}


def _request(query: Json, size: int, after: Sequence[float] | None = None) -> Json:
    """A request for ids and scores of documents. `after` is the sort key of the hit before the first one."""
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
    """The hits with a positive score."""
    return [ScoredDoc(hit["_id"], float(hit["_score"])) for hit in hits if hit["_score"] > 0]
