"""Queries made from documents."""

from __future__ import annotations

import numpy as np
import pytest

from untilclick.rewriter.data.pseudo_queries import PseudoQuerySettings, PseudoQuerySource, best_terms, term_weights
from untilclick.rewriter.language.vocabulary import SPECIAL_TOKENS, TermVocabulary
from untilclick.search.analysis.by_name import english
from untilclick.search.corpora.load import corpus_of
from untilclick.search.records import Document
from untilclick.search.text.term_index import TermIndex

terms = english().terms


def source_of(opened, vocabulary, title_share=0.5, max_words=4) -> PseudoQuerySource:
    settings = PseudoQuerySettings(title_share, max_words, target_terms=6)
    return PseudoQuerySource(opened.collection.corpus, opened.index, vocabulary, settings)


def test_weights_by_hand():
    """`cat` occurs twice in the first of six documents, which has 4 terms, and in no other: 2/4 x log 6. A term that
    more than a fifth of the documents contain has weight 0."""
    documents = [
        Document("0", "", "cat cat dog fish"),
        *(Document(str(i), "", f"dog filler{i}") for i in range(1, 6)),
    ]
    index = TermIndex.from_documents(documents)
    vocabulary = TermVocabulary.from_index(index, 1, 100)
    weights = term_weights(index, vocabulary).toarray()
    assert weights[0, vocabulary.token_ids["cat"]] == pytest.approx(0.5 * np.log(6))
    assert weights[0, vocabulary.token_ids["fish"]] == pytest.approx(0.25 * np.log(6))
    assert (weights[:, vocabulary.token_ids["dog"]] == 0).all()
    assert (weights[:, : len(SPECIAL_TOKENS)] == 0).all()


def test_queries_are_terms_of_a_document_and_never_their_own_target(opened, vocabulary):
    contents = [set(vocabulary.encode(terms(document.content))) for document in opened.collection.corpus.documents]
    for query, target, _ in source_of(opened, vocabulary).draw(200, np.random.default_rng(0)):
        assert 1 <= query.size <= 4
        assert any(set(query.tolist()) | set(target.ids.tolist()) <= content for content in contents)
        assert not set(query.tolist()) & set(target.ids.tolist())
        assert target.weights.sum() == pytest.approx(1, abs=1e-5)
        assert target.ids.size <= 6
        assert (np.diff(target.weights) <= 0).all()
        assert (target.ids >= len(SPECIAL_TOKENS)).all()


def test_the_title_share_decides_where_queries_come_from(opened, vocabulary):
    titles = [set(vocabulary.encode(terms(document.title))) for document in opened.collection.corpus.documents]
    drawn = source_of(opened, vocabulary, title_share=1.0).draw(100, np.random.default_rng(0))
    assert all(any(set(query.tolist()) <= title for title in titles) for query, _, _ in drawn)


def test_queries_are_no_longer_than_asked(opened, vocabulary):
    drawn = source_of(opened, vocabulary, max_words=1).draw(50, np.random.default_rng(0))
    assert {query.size for query, _, _ in drawn} == {1}


def test_same_seed_same_queries(opened, vocabulary):
    first, second = (source_of(opened, vocabulary).draw(20, np.random.default_rng(3)) for _ in range(2))
    assert all((a.query_ids == b.query_ids).all() for a, b in zip(first, second, strict=True))


def test_documents_with_too_few_terms_make_no_query():
    corpus = corpus_of("short", [Document(str(i), "", f"alpha{i} beta{i}") for i in range(10)])
    index = TermIndex.build(corpus)
    vocabulary = TermVocabulary.from_index(index, 1, 100)
    source = PseudoQuerySource(corpus, index, vocabulary, PseudoQuerySettings(0.5, 4, 6))
    assert len(source) == 0
    assert source.draw(5, np.random.default_rng(0)) == []
    assert not source.target_shares().any()


def test_best_terms_leaves_out_the_excluded_and_scales_to_1():
    ids, weights = np.array([7, 8, 9, 10]), np.array([0.1, 0.4, 0.3, 0.2], dtype=np.float32)
    target = best_terms(ids, weights, np.array([8]), 2)
    assert target.ids.tolist() == [9, 10]
    assert target.weights == pytest.approx([0.6, 0.4])
    assert best_terms(ids, weights, ids, 2).ids.size == 0


def test_shares_of_the_targets_sum_to_1_and_count_targets_only(opened, vocabulary):
    source = source_of(opened, vocabulary)
    shares = source.target_shares()
    assert shares.shape == (len(vocabulary),)
    assert shares.sum() == pytest.approx(1.0)
    drawn = {int(token) for query in source.draw(200, np.random.default_rng(0)) for token in query.target.ids}
    assert (shares[: len(SPECIAL_TOKENS)] == 0).all()
    assert np.mean([shares[token] > 0 for token in drawn]) > 0.9
