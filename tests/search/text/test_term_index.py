"""Counts of a corpus."""

from __future__ import annotations

from untilclick.search.analysis.by_name import english
from untilclick.search.records import Document
from untilclick.search.text.term_index import TermIndex

term_of = english().term_of
terms = english().terms


def test_counts_are_the_terms_of_each_document(toy_corpus):
    index = TermIndex.build(toy_corpus)
    for row, document in enumerate(toy_corpus.documents):
        tokens = terms(document.content)
        dense = index.counts[[row]].toarray()[0]
        assert {index.terms[i]: dense[i] for i in dense.nonzero()[0]} == {term: tokens.count(term) for term in tokens}
        assert index.doc_lengths[row] == len(tokens)


def test_every_surface_word_leads_back_to_its_term(toy_corpus):
    index = TermIndex.build(toy_corpus)
    assert [term_of(word) for word in index.surfaces] == list(index.terms)
    assert list(index.terms) == sorted(index.terms)


def test_document_frequencies_count_documents_not_occurrences():
    index = TermIndex.from_documents(
        [Document("1", "", "cat cat"), Document("2", "", "cat dog"), Document("3", "", "")]
    )
    assert dict(zip(index.terms, index.document_frequencies, strict=True)) == {"cat": 2, "dog": 1}
    assert list(index.doc_lengths) == [2, 2, 0]
