"""Baselines that rank by meaning: a pretrained sentence encoder, alone or together with BM25; nothing is trained.

The score of a document is the cosine of its vector and the query's. Both rows use the shared sum of two readings
(`rewriter/serving/readings/`), with fixed shares: chosen shares would need training topics, which many collections
lack.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from untilclick.rewriter.evaluation.systems import System, TypedTopic
from untilclick.rewriter.serving.readings.searched_query import SearchedQuery
from untilclick.search.engines.vectors.document_scores import DocumentReading
from untilclick.search.engines.vectors.encoded_corpus import EncodedCorpus
from untilclick.search.records import WeightedQuery

HALF = 0.5
"""Share of the encoder beside BM25."""


@dataclass(frozen=True)
class Meaning:
    """The query as typed, ranked by an encoder's cosines and by BM25."""

    encoded: EncodedCorpus
    share: float
    """Share of the cosines in the sum, 0..1; both parts are divided by their maximum. 1: the encoder alone."""

    def __call__(self, topics: Sequence[TypedTopic]) -> list[SearchedQuery]:
        """Return one plain query per topic, with the scores of documents."""
        queries = [typed.query for typed in topics]
        return [
            SearchedQuery(WeightedQuery.of(query), documents=DocumentReading(cosines, self.share))
            for query, cosines in zip(queries, self.encoded.cosines(queries), strict=True)
        ]


def meaning_baselines(encoded: EncodedCorpus | None) -> dict[str, System]:
    """encoder and bm25_encoder; none without an encoder."""
    if encoded is None:
        return {}
    return {"encoder": Meaning(encoded, 1.0), "bm25_encoder": Meaning(encoded, HALF)}
