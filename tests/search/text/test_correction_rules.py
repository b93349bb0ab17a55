"""Which unknown words are taken for mistakes, by both versions of the rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from untilclick.search.analysis.by_name import FIRST_NAME, analysis_by_name, english
from untilclick.search.text.corpus_words import CorpusWords
from untilclick.search.text.spelling import SpellingCorrector

HARBOUR = {
    "harbour": 40, "anchor": 25, "sailing": 30, "rope": 22, "captain": 18, "lighthouse": 12, "current": 30,
    "tide": 15, "chart": 21, "storm": 16, "rescue": 9, "weather": 33, "forecast": 14, "barometer": 6, "compass": 11,
    "docker": 5, "night": 20, "order": 17, "grape": 4, "mast": 13, "deck": 19, "fisherman": 8,
}  # fmt: skip
"""Words of a corpus about sailing."""


@pytest.fixture(scope="module")
def spelling() -> SpellingCorrector:
    return SpellingCorrector(HARBOUR, rules=2)


@pytest.mark.parametrize(
    ("query", "corrected"),
    [
        ("lighthuose", "lighthouse"),
        ("barometter", "barometer"),
        ("waether forcast", "weather forecast"),
        ("fishermann", "fisherman"),
        ("stomr rescue", "storm rescue"),
        ("captian", "captain"),
        ("light house", "lighthouse"),
        ("stormchart", "storm chart"),
    ],
)
def test_misspellings_are_mended(spelling, query, corrected):
    assert spelling.correct(query) == corrected


@pytest.mark.parametrize(
    "word",
    ["graph", "ranchers", "postgres", "carpet", "ordner", "strom", "nacht", "mist", "typhoid", "chianti", "angkor"],
)
def test_correct_words_that_no_document_holds_stay(spelling, word):
    """With version 1, `ordner` became `order` and `carpet` became `chart`: ten wrong results instead of none."""
    assert spelling.correct(word) is None
    assert spelling.candidates(word, 3) == []


def test_derived_words_are_not_split():
    spelling = SpellingCorrector({"mock": 9, "able": 9, "storm": 9, "chart": 9}, rules=2)
    assert spelling.correct("mockable") is None
    assert spelling.correct("stormchart") == "storm chart"


@pytest.mark.parametrize("word", ["шторм", "άγκυρα", "嵐の夜", "עוגן", "ορder", "ｓtorm", "stõrm", "ørder", "a", "t"])
def test_letters_that_the_corpus_does_not_use_are_no_mistake(spelling, word):
    """In a corpus of Latin letters, version 1 took any Russian word of one letter for a misspelt `s`."""
    assert spelling.correct(word) is None
    assert spelling.candidates(word, 3) == []


def test_each_script_is_corrected_with_words_of_its_own():
    spelling = SpellingCorrector({"корабль": 9, "парус": 7, "harbour": 9, "sailing": 5}, rules=2)
    assert spelling.correct("корбаль") == "корабль"
    assert spelling.correct("harbuor") == "harbour"
    assert spelling.correct("парuс") is None


def test_characters_that_are_words_are_never_misspelt():
    """A bigram of a script without spaces has many neighbours that differ in one character."""
    spelling = SpellingCorrector({"削除": 9, "辞書": 7, "ファイル": 5, "삭제하다": 4}, rules=2)
    assert all(spelling.correct(word) is None for word in ("削減", "字書", "ファイロ", "삭제하고"))


@pytest.mark.parametrize(
    ("query", "corrected"),
    [
        ("rescuE", None),
        ("StormChrat", None),
        ("captian", "captain"),
        ("Captian", "Captain"),
        ("CAPTIAN", "CAPTAIN"),
        ("ROEP storm", None),
        ("ROEP STORM", "ROPE STORM"),
        ("capTian storm", None),
    ],
)
def test_capitals_inside_a_word_show_that_it_is_meant(spelling, query, corrected):
    assert spelling.correct(query) == corrected


def test_a_listed_word_is_a_mistake_among_words_of_the_corpus_only(spelling):
    """`fahr`, `nacht` and `strom` are German words; `strom` is also `storm` with two letters swapped."""
    assert spelling.correct("strom") is None
    assert spelling.correct("strom rescue lighthouse") == "storm rescue lighthouse"
    assert spelling.correct("wie strom in der nacht") is None


def test_candidates_read_the_query_as_corrections_do(spelling):
    assert spelling.candidates("strom", 3) == []
    assert spelling.candidates("strom", 3, "strom rescue lighthouse") == ["storm"]
    assert spelling.candidates("captian", 3, "capTian") == []
    assert spelling.candidates("captian", 0, "captian") == []


def test_the_likelier_edit_wins_over_the_more_frequent_word():
    """`comandment` has lost one of two equal letters; version 1 ranked by frequency."""
    counts = {"commandment": 4, "comxandment": 300}
    assert SpellingCorrector(counts, rules=2).candidates("comandment", 1) == ["commandment"]
    assert SpellingCorrector(counts, rules=1).candidates("comandment", 1) == ["comxandment"]


def test_the_version_of_the_rules_is_saved(spelling, tmp_path):
    path = tmp_path / "spelling.json"
    for version in (1, 2):
        SpellingCorrector(HARBOUR, rules=version).save(path)
        loaded = SpellingCorrector.load(path)
        assert (loaded.correct("ordner") is None) == (version == 2)
        assert loaded.correct("captian") == "captain"


def test_a_dictionary_that_names_no_rules_keeps_the_first(tmp_path):
    """A bundle made before there were two versions corrects as its model was trained."""
    path = tmp_path / "spelling.json"
    path.write_text('{"format": 1, "min_count": 1, "words": {"order": 3, "storm": 2}}')
    assert SpellingCorrector.load(path).correct("ordner") == "order"


def test_the_first_analysis_keeps_the_first_rules_and_any_other_has_the_latest():
    """Prompts of a model hold the candidates of the rules that it was trained with."""
    first = SpellingCorrector(HARBOUR, analysis=analysis_by_name(FIRST_NAME))
    assert first.correct("ordner") == "order"
    assert SpellingCorrector(HARBOUR).correct("ordner") is None


def test_parts_of_words_have_no_candidates():
    spelling = SpellingCorrector({"python": 9, "pythons": 2, "import": 5, "storm": 3})
    assert spelling.candidates("pythn", 1, "pythn storm") == ["python"]
    assert spelling.candidates("pythn", 1, "importPythn storm") == []
    assert spelling.correct("importPythn stomr") == "importPythn storm"


def test_what_a_first_correction_needs_is_read_before_it(monkeypatch):
    corrector = SpellingCorrector(HARBOUR, rules=2)
    monkeypatch.setattr(
        "untilclick.search.text.correction_rules.shipped_lexicon", lambda: pytest.fail("read too late")
    )
    assert corrector.correct("captian") == "captain"


def test_words_of_the_corpus_know_their_neighbours_and_shares():
    words = CorpusWords({"tide": 3, "tides": 2, "the": 9, "deck": 5, "b2b": 1}, 2, english().term_of)
    assert words.nearest("tyde") == ["tide"]
    assert words.frequency("deck") == pytest.approx(5 / 20)
    assert words.is_stop_word("the")
    assert words.is_known("tides")
    assert not words.is_known("tyde")
    assert words.has_neighbour("decks")
    assert not words.has_neighbour("dexx")
    assert "b2b" not in words.candidates


@given(st.text() | st.text("aceghiklmnoprstu еоß", max_size=30), st.sampled_from([1, 2]))
def test_any_text_is_corrected_to_words_of_the_corpus_or_left(text, version):
    spelling = _CORRECTORS[version]
    typed = spelling.analysis.keywords(text)
    corrected = spelling.analysis.keywords(spelling.correct(text) or text)
    assert spelling.correct(text) is None or set(corrected) <= {*typed, *HARBOUR}
    assert all(set(spelling.candidates(word, 3, text)) <= set(HARBOUR) for word in typed)


_CORRECTORS = {version: SpellingCorrector(HARBOUR, rules=version) for version in (1, 2)}
