"""BM25 by tantivy: embedded, on disk or in memory; ranks exactly like Lucene with k1 1.2 and b 0.75.

Queries are built from analysed terms, never parsed, so no character a visitor types has a meaning. An engine opened
by `open` on a directory holds exactly its corpus, for good; one opened by `open_live`, or kept in memory, can change.
"""

from __future__ import annotations

from collections.abc import Collection as AbstractCollection
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from threading import Lock

from tantivy import Index, Occur, Query

from untilclick.search.engines.clauses import term_weights
from untilclick.search.engines.deepening import ranks_in
from untilclick.search.engines.feedback import FEEDBACK_DOCUMENTS, feedback
from untilclick.search.engines.tantivy_index import (
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

K1, B = 1.2, 0.75
"""Fixed inside tantivy, as in Lucene."""


class TantivyEngine:
    """`SearchEngine` over one tantivy index. May be shared between threads."""

    def __init__(self, index: Index, corpus: Corpus, path: Path | None, *, changeable: bool) -> None:
        """Wrap an index built from the corpus, in the folder `path` or in memory; callers use `open`."""
        self._index = index
        self._corpus_ids = tuple(document.doc_id for document in corpus.documents)
        self._path = path
        self._changeable = changeable
        self._lock = Lock()
        self._stamp = commit_stamp(path)
        self._snapshot = Snapshot.take(index, self._corpus_ids)
        schema = index.schema
        self._term_query = lru_cache(maxsize=1 << 16)(
            lambda term: Query.term_query(schema, BODY, term, index_option="freq")
        )

    @classmethod
    def open(cls, corpus: Corpus, directory: Path | None = None) -> TantivyEngine:
        """Open or build the index of the corpus below `directory`, or build it in memory.

        Raises `EngineError` where the directory cannot be used.
        """
        path = None if directory is None else directory / index_name(corpus)
        engine = cls(open_index(corpus, path), corpus, path, changeable=path is None)
        if (found := len(engine._snapshot.addresses)) != len(corpus.documents):
            problem = f"{path}: the index holds {found} documents, the corpus {len(corpus.documents)}"
            raise EngineError(f"{problem}. Delete the folder to have it built anew")
        return engine

    @classmethod
    def open_live(cls, corpus: Corpus, directory: Path) -> TantivyEngine:
        """Open, or build from the corpus, an index that `put` and `delete` may change and that keeps the changes.

        It lies beside the one of `open`, which stays as it is. Raises `EngineError` as `open` does.
        """
        path = directory / f"{LIVE_PREFIX}{index_name(corpus)}"
        return cls(open_index(corpus, path), corpus, path, changeable=True)

    @property
    def name(self) -> str:
        """`tantivy`."""
        return "tantivy"

    def search(self, queries: Sequence[WeightedQuery], k: int) -> list[list[ScoredDoc]]:
        """See `SearchEngine.search`."""
        snapshot = self._snapshot
        return [snapshot.top(self._query(query), k) for query in queries]

    def rank_of(self, query: WeightedQuery, doc_ids: AbstractCollection[str]) -> dict[str, int | None]:
        """See `SearchEngine.rank_of`. Raises `EngineError` for an unknown id."""
        snapshot, built = self._snapshot, self._query(query)
        snapshot.check_known(doc_ids)
        ranks: dict[str, int | None] = dict.fromkeys(doc_ids)
        among = Query.term_set_query(self._index.schema, DOC_ID, list(doc_ids))
        wanted = snapshot.matching(built, among, doc_ids)
        return ranks | ranks_in(lambda depth: snapshot.top(built, depth), wanted)

    def feedback_terms(self, query: WeightedQuery, n: int) -> list[tuple[str, float]]:
        """See `SearchEngine.feedback_terms`."""
        return self.feedback(query, n).terms

    def feedback(self, query: WeightedQuery, n: int) -> Feedback:
        """See `SearchEngine.feedback`."""
        snapshot = self._snapshot
        return feedback(snapshot.top(self._query(query), FEEDBACK_DOCUMENTS), snapshot.analysed, n)

    def documents(self, doc_ids: Sequence[str]) -> list[Document]:
        """See `SearchEngine.documents`; read from the index's store."""
        return self._snapshot.documents(doc_ids)

    def put(self, document: Document) -> None:
        """Add a document, or replace the one of the same id; searchable when this returns.

        A replaced document keeps its place among ties. As in Lucene, replaced and deleted documents count towards
        idf and mean length until their segment is merged. Raises `EngineError` where the index was opened by `open`
        on a directory, or another process is changing it at this moment.
        """
        self._change(document.doc_id, document)

    def delete(self, doc_id: str) -> None:
        """Remove a document. Raises `EngineError` as `put` does, and for an unknown id."""
        self._change(doc_id, None)

    def refresh(self) -> bool:
        """Take up what other processes committed to a live index, and say whether there was anything. Costs one
        look at a file's time where there was not."""
        stamp = commit_stamp(self._path)
        if stamp == self._stamp:
            return False
        with self._lock:
            self._take(stamp)
        return True

    def _change(self, doc_id: str, document: Document | None) -> None:
        if not self._changeable:
            raise EngineError(
                f"{self._path}: this index holds one corpus for good. Open it with open_live to change it"
            )
        with self._lock:
            self._take(commit_stamp(self._path))
            if document is None:
                self._snapshot.check_known([doc_id])
            write_change(self._index, doc_id, document, self._snapshot.place_of(doc_id, len(self._corpus_ids)))
            self._take(commit_stamp(self._path))

    def _take(self, stamp: tuple[int, int] | None) -> None:
        """Replace the snapshot by the last committed state; called with the lock held."""
        self._index.reload()
        self._snapshot = Snapshot.take(self._index, self._corpus_ids)
        self._stamp = stamp

    def _query(self, query: WeightedQuery) -> Query | None:
        """A should-query of boosted terms; None without terms."""
        parts: list[tuple[Occur, Query]] = []
        for term, weight in term_weights(query).items():
            part = self._term_query(term)
            parts.append((Occur.Should, part if weight == 1.0 else Query.boost_query(part, weight)))
        if not parts:
            return None
        return parts[0][1] if len(parts) == 1 else Query.boolean_query(parts)
