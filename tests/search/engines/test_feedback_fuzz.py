"""What holds for the relevance model of documents of any Unicode text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from untilclick.search.analysis.by_name import FIRST_NAME
from untilclick.search.corpora.load import corpus_of
from untilclick.search.engines import open_engine
from untilclick.search.records import Document, WeightedQuery

from tests.any_text import analyses, any_text, fuzzed

pytestmark = pytest.mark.slow

documents = st.lists(st.lists(any_text, min_size=1, max_size=3), min_size=1, max_size=3)


def terms_of_feedback(engine_name, texts, analysis):
    """Terms of the relevance model of a query, and the terms of its documents."""
    with_word = [Document(str(i), "lighthouse", "\n".join(parts)) for i, parts in enumerate(texts)]
    engine = open_engine(engine_name, corpus_of("fuzzed", with_word), analysis=analysis)
    words = [word for word, _ in engine.feedback_terms(WeightedQuery.of("lighthouse"), 200)]
    return words, {term for document in with_word for term in analysis.document(document.content).body.split()}


def check(engine_name, texts, analysis):
    """A word of the model is searched as the index term that it stands for."""
    if analysis.name == FIRST_NAME:  # it takes the dot of a small İ for a sign
        texts = [[text.replace("İ", "") for text in parts] for parts in texts]
    words, terms = terms_of_feedback(engine_name, texts, analysis)
    searched = [analysis.query(word).body for word in words]
    assert all(len(body) == 1 for body in searched)
    assert {term for body in searched for term in body} <= terms
    assert len(words) == min(len(terms), 200)


@given(documents, analyses)
@fuzzed(1200)
def test_words_of_feedback_are_searched_as_their_terms(texts, analysis):
    check("rank-bm25", texts, analysis)


@given(documents, analyses)
@fuzzed(300)
def test_words_of_feedback_are_searched_as_their_terms_in_tantivy(texts, analysis):
    check("tantivy", texts, analysis)
