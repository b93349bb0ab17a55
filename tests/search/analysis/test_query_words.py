"""The words that a person would type, in scripts with and without spaces."""

from __future__ import annotations

from collections import Counter

import pytest

from untilclick.search.analysis.by_name import analysis_by_name
from untilclick.search.analysis.query_words import QueryWords, count_runs


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
        ("ja", "凧揚げ用のナイロンテープを送ります", ["凧揚", "ナイロンテープ"]),
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


ON_DISPLAY = (
    "画面表示装置", "画面", "表示が速い", "全画面表示する", "圧縮済", "圧縮済み", "表示とファイル", "ファイルの画面"
)  # fmt: skip


def read(*texts: str) -> QueryWords:
    """The words of a Japanese corpus that has the texts above, too."""
    analysis = analysis_by_name("2-ja")
    documents = [*ON_DISPLAY, *texts]
    frequencies = Counter(term for text in documents for term in set(analysis.terms(text)))
    return QueryWords(analysis, frequencies, count_runs(analysis, documents))


def test_a_bigram_stands_for_the_word_that_it_is_mostly_in():
    whole_words = read().whole_words
    expected = {"画面": "画面", "表示": "表示", "縮済": "圧縮済", "ファ": "ファイル", "イル": "ファイル"}
    assert {bigram: whole_words[bigram] for bigram in expected} == expected
    assert [whole_words[bigram] for bigram in ("面表", "する", "速")] == ["", "", ""]


def test_a_bigram_without_a_word_of_its_own_counts_if_it_is_a_run_by_itself():
    texts = ["タイ", "タイ", "タイトル", "タイトル", "タイマー", "タイマー", "タイプ"]
    assert read(*texts).whole_words["タイ"] == "タイ"
    assert read(*texts[1:]).whole_words["タイ"] == ""


def test_fragments_of_a_long_run_are_no_words():
    assert list(read("再縮済画面器").of("再縮済画面器")) == ["画面"]
    assert list(read().of("全画面表示装置")) == ["画面", "表示", "装置"]


def test_texts_of_other_scripts_have_no_runs():
    assert count_runs(analysis_by_name("2-de"), ["Ein Übungsfeld", "plain"]) == {}
    assert count_runs(analysis_by_name("1-en"), ["凧揚げ"]) == {}


def test_only_the_first_keywords_are_read():
    analysis = analysis_by_name("2-en")
    words = QueryWords(analysis, Counter(analysis.terms("red kite blue string")))
    assert list(words.of("red kite blue string", 2)) == ["red", "kite"]


def test_the_rarest_term_counts():
    analysis = analysis_by_name("2-ja")
    words = QueryWords(analysis, Counter({term: 9 for term in analysis.terms("送風機")[:1]} | {"風機": 2}))
    assert words.terms("送風機") == ("送風", "風機")
    assert words.document_frequency("送風機") == 2
