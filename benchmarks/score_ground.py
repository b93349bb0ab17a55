"""What every way to learn scores is given: candidates, vectors, a scorer, and users who click on lists.

Grades of training queries are seen by `ClickOracle` alone, and by `judged_gains` where a table says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from untilclick.rewriter.judging.needs import needs_of_topics
from untilclick.rewriter.policy.encoders.conversion import convert_encoder
from untilclick.search.analysis.guess import analysis_for
from untilclick.search.click_models.base import ClickModel
from untilclick.search.corpora.load import load_collection
from untilclick.search.engines.tantivy_engine import TantivyEngine
from untilclick.search.engines.vectors.encoded_documents import encode_documents, vector_folder
from untilclick.search.measures.metrics import ideal_dcg, ndcg
from untilclick.search.records import Topic, WeightedQuery
from untilclick.search.text.encoders.opened import open_encoder

CANDIDATES = 400
OF_WORDS, OF_MEANING = 150, 200
"""Candidates by BM25 and by the encoder alone; the others are those of both half and half."""
DEPTH = 10
"""Ranks that a list shows."""
BATCH = 256
START = 10.0
"""Both weights of the scorer before training."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Queries:
    """Queries with their candidates."""

    topics: Sequence[Topic]
    vectors: Tensor
    """(P, d)"""
    candidates: Tensor
    """(P, C) positions of documents in the corpus."""
    words: Tensor
    """(P, C) BM25 of the candidates, divided by the query's highest."""

    def __len__(self) -> int:
        return len(self.topics)


@dataclass(frozen=True, eq=False)
class Ground:
    """A collection for learning scores on `train` and judging them on `dev`."""

    documents: Tensor
    """(D, d)"""
    doc_ids: Sequence[str]
    train: Queries
    dev: Queries
    grades: NDArray[np.int64]
    """(P, C) of the candidates of dev."""
    needs: NDArray[np.int64]
    """(P,) of the dev queries."""

    def measured(self, scores: Tensor) -> tuple[Floats, Floats]:
        """(P,) nDCG@10 and R@100 of dev's candidates by scores (P, C)."""
        order = scores.topk(min(100, scores.shape[1]), 1).indices.numpy()
        ranked = np.take_along_axis(self.grades, order, 1)  # (P, 100)
        relevance = [topic.relevance for topic in self.dev.topics]
        n_relevant = np.array([sum(grade > 0 for grade in each.values()) for each in relevance])
        recall = (ranked > 0).sum(1) / np.maximum(n_relevant, 1)
        return ndcg(ranked[:, :DEPTH], ideal_dcg(relevance, DEPTH)), recall


class ClickOracle:
    """Users who see a list of documents and click. It is the only reader of the grades of training queries."""

    def __init__(self, relevance: NDArray[np.int64], model: ClickModel) -> None:
        """`relevance` (P, C) holds the grades of the candidates."""
        self._grades, self._model = relevance, model

    def clicks(self, shown: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.bool_]:
        """(P, L) whether each rank is clicked, of the lists `shown` (P, L): places among a query's candidates."""
        return self._model.sample(np.take_along_axis(self._grades, shown, 1), rng).clicked


class Scorer(nn.Module):
    """f(q, d) = w0 BM25 / max + w1 (e_q + A e_q) (e_d + o_d), which starts as an untrained sum: A and o are 0."""

    def __init__(self, documents: Tensor) -> None:
        super().__init__()
        n, width = documents.shape
        self.register_buffer("encoded", documents)
        self.adapter = nn.Parameter(torch.zeros(width, width))
        self.offsets = nn.Parameter(torch.zeros(n, width))
        self.weights = nn.Parameter(torch.full((2,), START))

    def queries(self, vectors: Tensor) -> Tensor:
        """(B, d) adapted vectors of queries."""
        return vectors + vectors @ self.adapter

    def documents(self) -> Tensor:
        """(D, d) vectors of documents with their offsets."""
        encoded: Tensor = self.get_buffer("encoded")
        return encoded + self.offsets

    def forward(self, queries: Queries, rows: Tensor) -> Tensor:
        """(B, C) scores of the candidates of some queries."""
        cosines = self.queries(queries.vectors[rows]) @ self.documents().T  # (B, D)
        return self.weights[0] * queries.words[rows] + self.weights[1] * cosines.gather(1, queries.candidates[rows])

    @torch.no_grad()
    def all_scores(self, queries: Queries) -> Tensor:
        """(P, C) scores of the candidates of all queries."""
        return torch.cat([self(queries, rows) for rows in torch.arange(len(queries)).split(BATCH)])


def open_ground(data: str, folder: Path | None) -> tuple[Ground, NDArray[np.int64]]:
    """Encode and search a judged collection; also (P, C) grades of the training candidates, for the oracle.

    Raises SystemExit if the collection lacks a split of real queries."""
    collection = load_collection(data)
    if collection.queries != "real" or not {"train", "dev"} <= set(collection.topics):
        raise SystemExit(f"{data} has no judged queries in `train` and `dev`; give a folder in BEIR layout that has")
    opened = open_encoder("minilm", convert_encoder).encoder
    assert opened is not None  # `minilm` raises where it is absent
    texts = collection.corpus.documents
    documents = encode_documents(texts, opened, vector_folder(folder)).matrix()  # (D, d)
    analysis = analysis_for(texts)
    engine = TantivyEngine.open(collection.corpus, None, analysis)
    doc_ids = [document.doc_id for document in texts]
    places = {doc_id: place for place, doc_id in enumerate(doc_ids)}
    splits = []
    for name in ("train", "dev"):
        topics = collection.topics[name]
        vectors = opened.encode([topic.query for topic in topics], "query")
        splits.append(_queries(topics, vectors, documents, engine, places))
    grades = [_grades(split, doc_ids) for split in splits]
    needs = needs_of_topics(splits[1].topics, analysis).groups
    return Ground(torch.from_numpy(documents), doc_ids, *splits, grades[1], np.asarray(needs)), grades[0]


def _queries(
    topics: Sequence[Topic],
    vectors: NDArray[np.float32],
    documents: NDArray[np.float32],
    engine: TantivyEngine,
    places: dict[str, int],
) -> Queries:
    """The candidates of both readings; of equal scores the first documents of the corpus."""
    candidates = np.zeros((len(topics), min(CANDIDATES, len(documents))), dtype=np.int64)
    words = np.zeros(candidates.shape, dtype=np.float32)
    for start in range(0, len(topics), BATCH):
        searched = [WeightedQuery.of(topic.query) for topic in topics[start : start + BATCH]]
        for row, ranking in enumerate(engine.search(searched, len(documents)), start):
            bm25 = np.zeros(len(documents), dtype=np.float32)
            bm25[[places[entry.doc_id] for entry in ranking]] = [entry.score for entry in ranking]
            bm25 /= bm25.max() or 1.0
            candidates[row] = _candidates(bm25, documents @ vectors[row], candidates.shape[1])
            words[row] = bm25[candidates[row]]
    return Queries(topics, torch.from_numpy(vectors), torch.from_numpy(candidates), torch.from_numpy(words))


def _candidates(bm25: NDArray[np.float32], cosines: NDArray[np.float32], n: int) -> list[int]:
    """(n,) Positions of the documents that words, meaning and both find."""
    both = 0.5 * bm25 + 0.5 * cosines / max(float(cosines.max()), 1e-6)
    orders = [np.argsort(-each, kind="stable") for each in (bm25, cosines, both)]
    found = [*orders[0][:OF_WORDS], *orders[1][:OF_MEANING], *orders[2][:n]]
    return [int(place) for place in dict.fromkeys(found)][:n]


def _grades(queries: Queries, doc_ids: Sequence[str]) -> NDArray[np.int64]:
    """(P, C)"""
    return np.array(
        [
            [topic.relevance.get(doc_ids[place], 0) for place in places]
            for topic, places in zip(queries.topics, queries.candidates.tolist(), strict=True)
        ],
        dtype=np.int64,
    )
