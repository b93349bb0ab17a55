"""What holds for the analysis of any Unicode text."""

from __future__ import annotations

import unicodedata
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from untilclick.search.analysis.by_name import FIRST_NAME
from untilclick.search.analysis.normal_form import case_folded, encodable, folded, lowered, normalised, text_key
from untilclick.search.analysis.offsets import aligned
from untilclick.search.records import Document
from untilclick.search.text.titles import Titles

from tests.any_text import analyses, any_text, clusters_of, fuzzed

pytestmark = pytest.mark.slow


@given(any_text)
@fuzzed(4000)
def test_normal_forms_and_keys_of_titles_are_idempotent(text):
    once = normalised(text)
    assert normalised(once) == once
    key = text_key(text)
    assert text_key(key) == key
    assert Titles.of([Document("a", text, ""), Document("b", key, "")]).with_title(key) == (["a", "b"] if key else [])
    for word in once.split():
        assert folded(folded(word)) == folded(word)
        assert case_folded(case_folded(word)) == case_folded(word)
        assert lowered(lowered(word)) == lowered(word)


@given(any_text, analyses)
@fuzzed(4000)
def test_canonically_equivalent_texts_are_analysed_alike(text, analysis):
    if analysis.name == FIRST_NAME:
        return
    text = encodable(text)
    expected = analysis.query(text), analysis.document(text), analysis.words(text), analysis.keywords(text)
    for form in ("NFC", "NFD"):
        other = unicodedata.normalize(form, text)
        assert (
            analysis.query(other),
            analysis.document(other),
            analysis.words(other),
            analysis.keywords(other),
        ) == expected


@given(any_text, analyses)
@fuzzed(3000)
def test_words_have_their_places_at_the_borders_of_characters(text, analysis):
    borders = clusters_of(text)
    spans = list(analysis.spans(text))
    assert [span.start for span in spans] == sorted(span.start for span in spans)
    for span in spans:
        assert 0 <= span.start < span.end <= len(text)
        assert analysis.name == FIRST_NAME or {span.start, span.end} <= borders
    terms = frozenset(term for span in spans[::2] for term in span.terms)
    assert list(analysis.spans_of(text, terms)) == [span for span in spans if not terms.isdisjoint(span.terms)]
    placed = list(analysis.placed_keywords(text))
    assert [keyword.word for keyword in placed] == analysis.keywords(text)
    assert all(0 <= keyword.start < keyword.end <= len(text) for keyword in placed)


@given(st.lists(any_text, max_size=4), analyses)
@fuzzed(1500)
def test_a_word_of_a_document_analyses_to_its_index_term(texts, analysis):
    text = "\n".join(texts)
    if analysis.name == FIRST_NAME:
        text = text.replace("İ", "")  # its small letter has a dot that the first analysis takes for a sign
    written, made = analysis.document_words(text)
    words = Counter(written) + Counter(made)
    terms: Counter[str] = Counter()
    for word, n in words.items():
        term = analysis.term_of(word)
        assert list(analysis.query(word).body) == ([] if term is None else [term])
        if term is not None:
            terms[term] += n
    assert terms == Counter(analysis.document(text).body.split())


@given(any_text)
@fuzzed(500)
def test_places_of_a_normalised_text_are_places_of_the_text(text):
    normal = aligned(text)
    assert normal.text == normalised(text)
    borders = clusters_of(text)
    for i in range(len(normal.text)):
        start, end = normal.place(i, i + 1)
        assert 0 <= start < end <= len(text)
        assert normal.starts is None or {start, end} <= borders
