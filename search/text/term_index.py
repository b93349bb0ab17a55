"""The counts of terms in documents, as one sparse matrix, with a readable word for every term.

The policy's vocabulary, the warm start, the spelling dictionary and the batched reward share this view of a corpus,
which is held in memory. It does not rank documents; the engines (`untilclick.search.engines`) do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from untilclick.search.analysis.analysis import NO_TERM, Analysis
from untilclick.search.analysis.by_name import english
from untilclick.search.analysis.query_words import QueryWords, runs_of
from untilclick.search.records import Corpus, Document


@dataclass(frozen=True, eq=False)
class TermIndex:
    """Term counts of a corpus of D documents and V terms.

    A term's id is its place 0..V-1 in the alphabetical order of the terms, so equal corpora give equal ids.
    """

    doc_ids: tuple[str, ...]
    """(D,) ids of the documents, in corpus order."""
    terms: tuple[str, ...]
    """(V,) index terms (stems), by term id."""
    surfaces: tuple[str, ...]
    """(V,) the most frequent word of each term; `analysis.term_of(surfaces[i]) == terms[i]`."""
    counts: csr_array
    """(D, V) float32, occurrences of each term in each document."""
    word_counts: Mapping[str, int]
    """Surface word -> occurrences in the corpus, without stop words; 0 for a word that stands in no document, such as
    `wifi` if documents have Wi-Fi."""
    analysis: Analysis = field(default_factory=english)
    """The analysis that the terms come from."""
    whole_words: Mapping[str, str] = field(default_factory=dict)
    """Index term of a bigram -> the word that people read and type in its place; empty for a fragment of several
    words. Terms of scripts with spaces are not in it."""

    @classmethod
    def build(cls, corpus: Corpus, analysis: Analysis | None = None) -> TermIndex:
        """Count the terms of every document of a corpus. An empty document becomes an empty row."""
        return cls.from_documents(corpus.documents, analysis)

    @classmethod
    def from_documents(cls, documents: Iterable[Document], analysis: Analysis | None = None) -> TermIndex:
        """Count the terms of documents; the rows have the order of the documents. `analysis` is English's by
        default."""
        analysis = analysis or english()
        term_of = analysis.term_of
        doc_ids: list[str] = []
        bags: list[Counter[str]] = []
        word_counts: Counter[str] = Counter()
        runs: Counter[str] = Counter()
        for document in documents:
            written, made = analysis.document_words(document.content)
            word_counts.update(written)
            word_counts.update(dict.fromkeys(made, 0))
            bag: Counter[str] = Counter()  # term -> occurrences in this document
            for word, count in chain(written.items(), made.items()):
                if (term := term_of(word)) is not None:
                    bag[term] += count
            runs.update(runs_of(analysis, document.content))
            doc_ids.append(document.doc_id)
            bags.append(bag)
        indexed = {word: count for word, count in word_counts.items() if term_of(word) is not None}
        surfaces = _surfaces(indexed, analysis)
        terms = tuple(sorted(surfaces))
        index = cls(
            doc_ids=tuple(doc_ids),
            terms=terms,
            surfaces=tuple(surfaces[term] for term in terms),
            counts=_count_matrix(bags, terms),
            word_counts=indexed,
            analysis=analysis,
        )
        return index._with_whole_words(runs) if runs else index

    def _with_whole_words(self, runs: Mapping[str, int]) -> TermIndex:
        """The index with the words of its bigrams; `runs` holds the number of documents of each run."""
        frequencies = dict(zip(self.terms, self.document_frequencies.tolist(), strict=True))
        return replace(self, whole_words=QueryWords(self.analysis, frequencies, runs).whole_words)

    def word(self, term_id: int) -> str:
        """The word of a term as people read and type it; empty for a fragment of words."""
        return self.whole_words.get(self.terms[term_id], self.surfaces[term_id])

    @cached_property
    def written(self) -> NDArray[np.bool_]:
        """(V,) whether a document has a word of the term as it is, and not only put together as `wifi` of Wi-Fi."""
        return np.array([self.word_counts.get(word, 1) > 0 for word in self.surfaces], dtype=np.bool_)

    @cached_property
    def term_ids(self) -> dict[str, int]:
        """Index term -> term id."""
        return {term: i for i, term in enumerate(self.terms)}

    @cached_property
    def doc_rows(self) -> dict[str, int]:
        """doc_id -> row of `counts`."""
        return {doc_id: i for i, doc_id in enumerate(self.doc_ids)}

    @cached_property
    def doc_lengths(self) -> NDArray[np.float32]:
        """(D,) number of indexed tokens in each document."""
        return np.asarray(self.counts.sum(axis=1), dtype=np.float32).ravel()

    @cached_property
    def document_frequencies(self) -> NDArray[np.int64]:
        """(V,) number of documents that contain each term."""
        return np.bincount(self.counts.indices, minlength=len(self.terms)).astype(np.int64)

    @classmethod
    def of_aside(cls, documents: Sequence[Document], analysis: Analysis) -> TermIndex:
        """The terms of documents in the field `aside`, each once; `NO_TERM` for a document without any, as in the
        engines. Its surfaces are the terms."""
        bags = [Counter(analysis.document(document.content).aside.split() or [NO_TERM]) for document in documents]
        terms = tuple(sorted(set().union(*bags)))
        doc_ids = tuple(document.doc_id for document in documents)
        return cls(doc_ids, terms, terms, _count_matrix(bags, terms), {}, analysis)


def _surfaces(word_counts: Mapping[str, int], analysis: Analysis) -> dict[str, str]:
    """Term -> its most frequent surface word; of equally frequent words the alphabetically first."""
    best: dict[str, str] = {}
    for word in sorted(word_counts, key=lambda w: (-word_counts[w], w)):
        term = analysis.term_of(word)
        assert term is not None  # only words with a term are counted
        best.setdefault(term, word)
    return best


def _count_matrix(bags: list[Counter[str]], terms: tuple[str, ...]) -> csr_array:
    """(D, V) float32 from the term counts of D documents, built as CSR arrays: lists of triples take more memory."""
    ids = {term: i for i, term in enumerate(terms)}
    indptr = np.cumsum([0] + [len(bag) for bag in bags])  # (D + 1,), where each document's entries begin
    indices = np.fromiter((ids[term] for bag in bags for term in bag), dtype=np.int32, count=int(indptr[-1]))
    data = np.fromiter((n for bag in bags for n in bag.values()), dtype=np.float32, count=int(indptr[-1]))
    matrix = csr_array((data, indices, indptr), shape=(len(bags), len(terms)))
    matrix.sort_indices()
    return matrix
