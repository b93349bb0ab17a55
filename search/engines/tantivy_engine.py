"""BM25 by tantivy: embedded, on disk or in memory, with the same ranking as Lucene with k1 1.2 and b 0.75.

Queries are built from analysed terms and never parsed, so no typed character has a special meaning. The documents of
an engine from `open` with a directory cannot change; those of an engine in memory or from `open_live` can.
"""

from __future__ import annotations

from collections.abc import Collection as AbstractCollection
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from threading import Lock

from tantivy import Index, Occur, Query

from untilclick.search.analysis.analysis import Analysis
from untilclick.search.analysis.by_name import english
from untilclick.search.engines.clauses import term_weights
from untilclick.search.engines.deepening import ranks_in
from untilclick.search.engines.feedback import FEEDBACK_DOCUMENTS, feedback
from untilclick.search.engines.tantivy_index import (
    ASIDE,
    BODY,
    DOC_ID,
    LIVE_PREFIX,
    commit_stamp,
    index_name,
    open_index,
    write_change,
)
from untilclick.search.engines.tantivy_snapshot import Snapshot
from untilclick.search.errors import EngineError
from untilclick.search.records import Corpus, Document, Feedback, ScoredDoc, WeightedQuery
from untilclick.search.text.titles import Titles

_OPTIONS = {BODY: "freq", ASIDE: "basic"}
"""What the index keeps of a term in each field."""

K1, B = 1.2, 0.75
"""The parameters of BM25 in tantivy, which has no option for them."""


class TantivyEngine:
    """`SearchEngine` and `LiveEngine` over one tantivy index. Threads may share it."""

    def __init__(
        self, index: Index, corpus: Corpus, path: Path | None, analysis: Analysis, *, changeable: bool
    ) -> None:
        """Use an index that was built from the corpus by an analysis, in the folder `path` or (None) in memory.

        Callers call `open` or `open_live` instead.
        """
        self._index = index
        self.analysis = analysis
        self._corpus_ids = tuple(document.doc_id for document in corpus.documents)
        self._path = path
        self._changeable = changeable
        self._lock = Lock()
        self._stamp = commit_stamp(path)
        self._snapshot = Snapshot.take(index, self._corpus_ids, analysis)
        may_differ = changeable and path is not None
        self._titles = (
            self._stored_titles() if may_differ else Titles.of((d.doc_id, d.title) for d in corpus.documents)
        )
        schema = index.schema
        self._term_query = lru_cache(maxsize=1 << 16)(
            lambda field, term: Query.term_query(
                schema, field, term, index_option="freq" if field == BODY else "basic"
            )
        )

    @classmethod
    def open(cls, corpus: Corpus, directory: Path | None = None, analysis: Analysis | None = None) -> TantivyEngine:
        """Open the index of the corpus below `directory`, or build it there; None builds it in memory.

        `analysis` is English's by default. Raises EngineError if the directory cannot be used, or if its index does
        not hold the corpus.
        """
        analysis = analysis or english()
        path = None if directory is None else directory / index_name(corpus, analysis)
        engine = cls(open_index(corpus, path, analysis), corpus, path, analysis, changeable=path is None)
        if (n_indexed := len(engine._snapshot.addresses)) != len(corpus.documents):
            problem = f"{path}: the index holds {n_indexed} documents, the corpus {len(corpus.documents)}"
            raise EngineError(f"{problem}. Delete the folder to have it built again")
        return engine

    @classmethod
    def open_live(cls, corpus: Corpus, directory: Path, analysis: Analysis | None = None) -> TantivyEngine:
        """Open an index that `put` and `delete` can change. If there is none yet, it is built from the corpus.

        The index keeps its changes. It has a folder of its own, so the index of `open` stays as it is. Raises
        EngineError if the directory cannot be used.
        """
        analysis = analysis or english()
        path = directory / f"{LIVE_PREFIX}{index_name(corpus, analysis)}"
        return cls(open_index(corpus, path, analysis), corpus, path, analysis, changeable=True)

    @property
    def name(self) -> str:
        """`tantivy`."""
        return "tantivy"

    def search(self, queries: Sequence[WeightedQuery], k: int) -> list[list[ScoredDoc]]:
        """See `SearchEngine.search`."""
        snapshot = self._snapshot
        return [snapshot.top(self._query(query), k) for query in queries]

    def rank_of(self, query: WeightedQuery, doc_ids: AbstractCollection[str]) -> dict[str, int | None]:
        """See `SearchEngine.rank_of`."""
        snapshot, parsed = self._snapshot, self._query(query)
        snapshot.check_known(doc_ids)
        ranks: dict[str, int | None] = dict.fromkeys(doc_ids)
        among = Query.term_set_query(self._index.schema, DOC_ID, list(doc_ids))
        matching = snapshot.matching(parsed, among, doc_ids)
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
        return self._titles.with_title(title)

    def put(self, document: Document) -> None:
        """Add a document or replace the document of the same id. Searches find it when this returns.

        A replaced document keeps its place among ties. As in Lucene, replaced and deleted documents count towards idf
        and mean length until tantivy merges their segment. Raises EngineError if the index is from `open` with a
        directory, or if another process is changing it at the same time.
        """
        self._change(document.doc_id, document)

    def delete(self, doc_id: str) -> None:
        """Remove a document. Raises EngineError as `put` does, and UnknownDocumentError for an unknown id."""
        self._change(doc_id, None)

    def refresh(self) -> bool:
        """Load the changes that other processes committed to a live index. Returns whether there were any.

        Without changes it only reads the modification time of a file.
        """
        stamp = commit_stamp(self._path)
        if stamp == self._stamp:
            return False
        with self._lock:
            self._take(stamp)
            self._titles = self._stored_titles()
        return True

    def _change(self, doc_id: str, document: Document | None) -> None:
        """Replace, add or (None) remove a document."""
        if not self._changeable:
            raise EngineError(
                f"{self._path}: the documents of this index cannot change. Open it with open_live to change them"
            )
        with self._lock:
            stamp = commit_stamp(self._path)
            is_behind = stamp != self._stamp
            self._take(stamp)
            if is_behind:
                self._titles = self._stored_titles()
            if document is None:
                self._snapshot.check_known([doc_id])
            write_change(
                self._index, self.analysis, doc_id, document, self._snapshot.place_of(doc_id, len(self._corpus_ids))
            )
            self._take(commit_stamp(self._path))
            self._titles = self._titles.with_changes({doc_id: None if document is None else document.title})

    def _stored_titles(self) -> Titles:
        """The titles of all documents, read from the index: some 10 microseconds a document."""
        documents = self._snapshot.documents(list(self._snapshot.addresses))
        return Titles.of((document.doc_id, document.title) for document in documents)

    def _take(self, stamp: tuple[int, int] | None) -> None:
        """Replace the snapshot by the last committed state. Called with the lock held."""
        self._index.reload()
        self._snapshot = Snapshot.take(self._index, self._corpus_ids, self.analysis)
        self._stamp = stamp

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
