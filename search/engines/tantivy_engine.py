"""BM25 by tantivy: embedded, on disk or in memory, with the same ranking as Lucene with k1 1.2 and b 0.75.

Queries are built from analysed terms and never parsed, so no typed character has a special meaning. An engine does
not change its documents. `search/live/` changes those of a live index, and `refresh` loads the changes.
"""

from __future__ import annotations

from collections.abc import Collection as AbstractCollection
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Literal

from tantivy import Index, Occur, Query

from untilclick.search.analysis.analysis import Analysis
from untilclick.search.analysis.by_name import english
from untilclick.search.engines.clauses import term_weights
from untilclick.search.engines.deepening import ranks_in
from untilclick.search.engines.feedback import FEEDBACK_DOCUMENTS, feedback
from untilclick.search.engines.tantivy_index import (
    ASIDE,
    BODY,
    commit_stamp,
    index_name,
    open_at,
    open_index,
)
from untilclick.search.engines.tantivy_snapshot import Snapshot
from untilclick.search.errors import EngineError
from untilclick.search.records import Corpus, Document, Feedback, ScoredDoc, WeightedQuery
from untilclick.search.text.titles import Titles

_OPTIONS: dict[str, Literal["freq", "basic"]] = {BODY: "freq", ASIDE: "basic"}
"""Field -> what the index keeps of a term in a document: occurrences, or only that the document has it."""

K1, B = 1.2, 0.75
"""The parameters of BM25 in tantivy, which has no option for them."""


class TantivyEngine:
    """`SearchEngine` over one tantivy index. Threads may share it."""

    def __init__(self, index: Index, path: Path | None, analysis: Analysis, titles: Titles) -> None:
        """Use an index in the folder `path` or (None) in memory. It was built by the analysis from the corpus whose
        ids in order are `titles.doc_ids`.

        Callers call `open` or `open_live` instead.
        """
        self._index = index
        self.analysis = analysis
        self.path = path
        """Folder of the index; None in memory."""
        self.titles = titles
        """The titles of the documents. Whoever changes documents replaces the table."""
        self._corpus_ids = tuple(titles.doc_ids)
        self._lock = Lock()
        self._stamp = commit_stamp(path)
        self._snapshot = Snapshot.take(index, self._corpus_ids, analysis)
        schema = index.schema
        self._term_query = lru_cache(maxsize=1 << 16)(
            lambda field, term: Query.term_query(schema, field, term, index_option=_OPTIONS[field])
        )

    @classmethod
    def open(cls, corpus: Corpus, directory: Path | None = None, analysis: Analysis | None = None) -> TantivyEngine:
        """Open the index of the corpus below `directory`, or build it there; None builds it in memory.

        `analysis` is English's by default. Raises EngineError if the directory cannot be used, or if its index does
        not hold the corpus.
        """
        analysis = analysis or english()
        path = None if directory is None else directory / index_name(corpus.fingerprint, analysis)
        titles = Titles.of(corpus.documents)
        engine = cls(open_index(corpus, path, analysis), path, analysis, titles)
        if (n_indexed := len(engine._snapshot.addresses)) != len(corpus.documents):
            problem = f"{path}: the index holds {n_indexed} documents, the corpus {len(corpus.documents)}"
            raise EngineError(f"{problem}. Delete the folder to have it built again")
        return engine

    @classmethod
    def open_live(cls, path: Path, analysis: Analysis, titles: Titles) -> TantivyEngine:
        """Open an existing live index. `titles.doc_ids` are the ids of the corpus that it was built from.

        Raises EngineError if the folder holds no index or a damaged one.
        """
        return cls(open_at(path), path, analysis, titles)

    @property
    def name(self) -> str:
        """`tantivy`."""
        return "tantivy"

    def search(self, queries: Sequence[WeightedQuery], k: int) -> list[list[ScoredDoc]]:
        """See `SearchEngine.search`."""
        snapshot = self._snapshot
        return [snapshot.top(self._query(query), k) for query in queries]

    def scores(self, queries: Sequence[WeightedQuery], doc_ids: Sequence[Sequence[str]]) -> list[list[float]]:
        """See `SearchEngine.scores`. The scores equal those of `search` to the last bit."""
        snapshot = self._snapshot
        scores = []
        for query, ids in zip(queries, doc_ids, strict=True):
            by_id = snapshot.scores(self._query(query), ids)
            scores.append([by_id.get(doc_id, 0.0) for doc_id in ids])
        return scores

    def rank_of(self, query: WeightedQuery, doc_ids: AbstractCollection[str]) -> dict[str, int | None]:
        """See `SearchEngine.rank_of`."""
        snapshot, parsed = self._snapshot, self._query(query)
        ranks: dict[str, int | None] = dict.fromkeys(doc_ids)
        matching = snapshot.scores(parsed, doc_ids).keys()
        return ranks | ranks_in(lambda depth: snapshot.top(parsed, depth), matching)

    def feedback_terms(self, query: WeightedQuery, n: int) -> list[tuple[str, float]]:
        """See `SearchEngine.feedback_terms`."""
        return self.feedback(query, n).terms

    def feedback(self, query: WeightedQuery, n: int) -> Feedback:
        """See `SearchEngine.feedback`."""
        snapshot = self._snapshot
        return feedback(snapshot.top(self._query(query), FEEDBACK_DOCUMENTS), snapshot.analysed, n)

    def documents(self, doc_ids: Sequence[str]) -> list[Document]:
        """See `SearchEngine.documents`."""
        return self._snapshot.documents(doc_ids)

    def with_title(self, title: str) -> list[str]:
        """See `TitleLookup.with_title`."""
        return self.titles.with_title(title)

    def refresh(self) -> bool:
        """Load what was committed to the index since it was last loaded. Returns whether there was anything.

        Without a commit it only reads the modification time of a file.
        """
        with self._lock:
            stamp = commit_stamp(self.path)
            if stamp == self._stamp:
                return False
            self._index.reload()
            self._snapshot = Snapshot.take(self._index, self._corpus_ids, self.analysis)
            self._stamp = stamp
        return True

    def _query(self, query: WeightedQuery) -> Query | None:
        """A tantivy query for documents with any of the terms; None for a query without terms.

        Each term's score is multiplied by its weight.
        """
        clauses: list[tuple[Occur, Query]] = []
        weights = term_weights(query, self.analysis)
        for field, of_field in ((BODY, weights.body), (ASIDE, weights.aside)):
            for term, weight in of_field.items():
                clause = self._term_query(field, term)
                clauses.append((Occur.Should, clause if weight == 1.0 else Query.boost_query(clause, weight)))
        if not clauses:
            return None
        return clauses[0][1] if len(clauses) == 1 else Query.boolean_query(clauses)
