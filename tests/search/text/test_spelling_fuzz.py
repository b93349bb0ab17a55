"""What holds for the correction of any Unicode text."""

from __future__ import annotations

from collections import Counter
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from untilclick.search.analysis.analysis import Analysis
from untilclick.search.analysis.by_name import FIRST_NAME
from untilclick.search.text.spelling import SpellingCorrector

from tests.any_text import analyses, any_text, fuzzed

pytestmark = pytest.mark.slow

TEXT = (
    "directory lighthouse weather storm Straße crème décor Übung istanbul ışık οδός корабль парус हिन्दी עברית "
    "العربية directory weather wifi filename timezone 図書館 ファイル 한국어 ภาษา"
)


@cache
def corrector(analysis: Analysis, rules: int) -> SpellingCorrector:
    """A corrector with the words of the text above."""
    counts = {word: n for word, n in Counter(analysis.words(TEXT)).items() if analysis.term_of(word) is not None}
    return SpellingCorrector(counts, analysis=analysis, rules=rules)


@given(any_text, analyses, st.sampled_from((1, 2)))
@fuzzed(2500)
def test_corrections_change_words_and_nothing_between_them(text, analysis, rules):
    if analysis.name == FIRST_NAME:
        text = text.replace("İ", "")  # its small letter has a dot that the first analysis takes for a sign
    spelling = corrector(analysis, rules)
    corrected = spelling.correct(text)
    words = analysis.keywords(text)
    for word in words:
        assert len(spelling.candidates(word, 3, text)) <= 3
    assert len(spelling.candidates(text, 3)) <= 3
    if corrected is None:
        return
    assert corrected != text
    known = {term for word in analysis.words(TEXT) if (term := analysis.term_of(word)) is not None}
    added = Counter(analysis.keywords(corrected)) - Counter(words)
    assert added
    assert {analysis.term_of(word) for word in added} <= known
    if analysis.name != FIRST_NAME:
        assert not signs(corrected) - signs(text)
        assert set(signs(text) - signs(corrected)) <= {"-", "_", "."}  # between words that were joined


def signs(text: str) -> Counter[str]:
    """The ASCII characters of a text that are in no word."""
    return Counter(char for char in text if char.isascii() and not char.isalnum() and not char.isspace())
