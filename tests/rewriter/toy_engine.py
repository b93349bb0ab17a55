"""A ten-document corpus behind the engine protocol, ranked with our own BM25 matrix: no library, no files."""

from collections.abc import Collection as AbstractCollection
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from untilclick.search.analysis.by_name import english
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.engines.bm25 import weight_matrix
from untilclick.search.records import Collection, Corpus, Document, Feedback, ScoredDoc, Topic, WeightedQuery
from untilclick.search.text.spelling import SpellingCorrector
from untilclick.search.text.term_index import TermIndex
from untilclick.search.text.titles import Titles

DOCUMENTS = (
    Document("d0", "Sorting lists", "sort a list in place with key and reverse arguments"),
    Document("d1", "Reading files", "open a file and read lines of text with an encoding"),
    Document("d2", "Writing files", "open a file for writing and flush the buffer to disk"),
    Document("d3", "Dates", "parse a date and a timestamp and compute a timedelta"),
    Document("d4", "Time zones", "a timestamp with a timezone and daylight saving, a date too"),
    Document("d5", "Regular expressions", "match a pattern and capture groups in text"),
    Document("d6", "Threads", "start a thread and wait for it with join, use a lock"),
    Document("d7", "Processes", "start a process pool and wait for results, use a queue and a lock"),
    Document("d8", "Sockets", "open a socket and send bytes to a server, wait for an answer"),
    Document("d9", "Sorting with heaps", "a heap queue keeps the smallest first, push and pop to sort"),
)

TOPICS = (
    Topic("t0", "sort list", {"d0": 2, "d9": 1}),
    Topic("t1", "timestamp", {"d4": 1}),
    Topic("t2", "wait", {"d7": 1}),
    Topic("t3", "pattern", {"d5": 1}),
    Topic("t4", "opne", {"d2": 1}),
)


class ToyEngine:
    """`SearchEngine` over a handful of documents."""

    name = "toy"
    analysis = english()

    def __init__(self, documents: Sequence[Document] = DOCUMENTS) -> None:
        self.index = TermIndex.from_documents(documents)
        self._documents = {document.doc_id: document for document in documents}
        self._weights = weight_matrix(self.index, 1.2, 0.75, quantise=False).toarray()

    def search(self, queries: Sequence[WeightedQuery], k: int) -> list[list[ScoredDoc]]:
        return [self._rank(query)[:k] for query in queries]

    def scores(self, queries: Sequence[WeightedQuery], doc_ids: Sequence[Sequence[str]]) -> list[list[float]]:
        rankings = [dict(self._rank(query)) for query in queries]
        return [
            [scores.get(self._documents[doc_id].doc_id, 0.0) for doc_id in ids]
            for scores, ids in zip(rankings, doc_ids, strict=True)
        ]

    def rank_of(self, query: WeightedQuery, doc_ids: AbstractCollection[str]) -> dict[str, int | None]:
        ranks = {hit.doc_id: rank for rank, hit in enumerate(self._rank(query), start=1)}
        return {doc_id: ranks.get(doc_id) for doc_id in doc_ids}

    def feedback_terms(self, query: WeightedQuery, n: int) -> list[tuple[str, float]]:
        return self.feedback(query, n).terms

    def feedback(self, query: WeightedQuery, n: int) -> Feedback:
        rows = [(self.index.doc_rows[hit.doc_id], hit.score) for hit in self._rank(query)[:10]]
        if not rows:
            return Feedback([], [], [])
        total = np.zeros(len(self.index.terms))
        counts = self.index.counts.toarray()
        for row, score in rows:
            total += score * counts[row] / counts[row].sum()
        order = np.argsort(-total, kind="stable")[:n]
        terms = [(self.index.surfaces[i], float(total[i] / total[order].sum())) for i in order]
        return Feedback(terms, [score for _, score in rows], [self.index.doc_ids[row] for row, _ in rows])

    def documents(self, doc_ids: Sequence[str]) -> list[Document]:
        return [self._documents[doc_id] for doc_id in doc_ids]

    def with_title(self, title: str) -> list[str]:
        return Titles.of(self._documents.values()).with_title(title)

    def _rank(self, query: WeightedQuery) -> list[ScoredDoc]:
        scores = np.zeros(len(self.index.doc_ids))
        for text, weight in query.clauses:
            for term in self.analysis.terms(text):
                if term in self.index.term_ids:
                    scores += weight * self._weights[self.index.term_ids[term]]
        order = np.argsort(-scores, kind="stable")
        return [ScoredDoc(self.index.doc_ids[i], float(scores[i])) for i in order if scores[i] > 0]


def toy_collection() -> Collection:
    return Collection(Corpus("toy", DOCUMENTS, "0" * 16), {"train": TOPICS[:2], "dev": TOPICS}, "real")


def opened_toy(engine: ToyEngine, **changes: object) -> OpenedCollection:
    """The toy collection, or a changed one, behind an engine."""
    collection = replace(toy_collection(), **changes)
    return OpenedCollection(
        collection, engine.index, SpellingCorrector.from_index(engine.index), "toy", lambda: engine
    )
