"""The words that a person would type, in scripts with and without spaces."""

from __future__ import annotations

from collections import Counter

import pytest

from untilclick.search.analysis.by_name import analysis_by_name
from untilclick.search.corpora.query_words import QueryWords


def words_of(language: str, text: str, *other_texts: str) -> list[str]:
    """The words of a text in a corpus with other texts."""
    analysis = analysis_by_name(f"2-{language}")
    frequencies = Counter(term for each in (text, *other_texts) for term in set(analysis.terms(each)))
    return list(QueryWords(analysis, frequencies).of(text))


@pytest.mark.parametrize(
    ("language", "text", "words"),
    [
        ("en", "Using the kite, a 3 m line or B2 reel", ["kite", "line", "reel"]),
        ("de", "Der Drachen steigt über das Übungsfeld", ["drachen", "steigt", "übungsfeld"]),
        ("fr", "Un cerf-volant d'enfant made in Lyon", ["cerf", "volant", "enfant", "made", "lyon"]),
        ("ru", "Воздушный змей using ветра", ["воздушный", "змей", "ветра"]),
        ("ar", "طائرة ورقية في الهواء", ["طائرة", "ورقية", "الهواء"]),
        ("hi", "पतंग आकाश में उड़ती है", ["पतंग", "आकाश", "उड़ती"]),
        ("ja", "凧揚げ用のナイロンテープを送ります", ["凧揚", "用", "ナイロンテープ", "送"]),
        ("ko", "연날리기용 나일론 실", ["연날리기용", "나일론", "실"]),
    ],
)
def test_words_are_those_of_the_script_without_function_words(language, text, words):
    assert words_of(language, text) == words


def test_a_long_run_is_cut_into_the_bigrams_that_most_documents_have():
    assert words_of("zh", "红色风筝飞过操场", "风筝", "操场很大", "飞过山", "红色") == [
        "红色",
        "风筝",
        "飞过",
        "操场",
    ]


def test_marks_stay_with_their_letters_in_a_cut_run():
    words = words_of("th", "ว่าวสีแดงลอยสูง", "สีแดง")
    assert "สีแ" in words
    assert not any(word[0] in "่ีู้" for word in words)


def test_a_short_run_is_a_word():
    assert words_of("zh", "风筝操场") == ["风筝操场"]


def test_a_chinese_run_is_cut_at_function_words():
    assert words_of("zh", "孩子的风筝和线轴", "孩子", "风筝") == ["孩子", "风筝", "线轴"]


def test_a_character_that_is_left_of_a_run_is_no_word():
    assert words_of("zh", "风筝的线") == ["风筝"]


def test_only_the_first_keywords_are_read():
    analysis = analysis_by_name("2-en")
    words = QueryWords(analysis, Counter(analysis.terms("red kite blue string")))
    assert list(words.of("red kite blue string", 2)) == ["red", "kite"]


def test_the_rarest_term_counts():
    analysis = analysis_by_name("2-ja")
    words = QueryWords(analysis, Counter({term: 9 for term in analysis.terms("送風機")[:1]} | {"風機": 2}))
    assert words.terms("送風機") == ("送風", "風機")
    assert words.rarest("送風機") == 2
