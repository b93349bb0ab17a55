"""Counts of a corpus."""

from __future__ import annotations

from untilclick.search.analysis.by_name import FIRST_NAME, analysis_by_name, english
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


def test_a_bigram_is_read_as_the_word_it_stands_in(toy_corpus):
    documents = [
        Document("1", "図書館", "図書館で本を読む"),
        Document("2", "", "図書館 tea"),
        Document("3", "", "tea"),
    ]
    index = TermIndex.from_documents(documents, analysis_by_name("2-ja"))
    words = {term: index.word(i) for i, term in enumerate(index.terms)}
    assert (words["図書"], words["書館"], words["tea"], words["む"]) == ("図書館", "図書館", "tea", "")
    assert [index.analysis.term_of(word) for word in index.surfaces] == list(index.terms)
    assert TermIndex.from_documents(documents, analysis_by_name(FIRST_NAME)).whole_words == {}
    assert TermIndex.build(toy_corpus).whole_words == {}


def test_a_term_of_joined_forms_alone_is_not_written():
    index = TermIndex.from_documents([Document("1", "", "A Wi-Fi router"), Document("2", "", "e-books, ebooks")])
    written = dict(zip(index.terms, index.written.tolist(), strict=True))
    assert written["wifi"] is False
    assert written["router"] is written["fi"] is written["ebook"] is True
    assert index.word_counts["wifi"] == 0
