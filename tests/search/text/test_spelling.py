"""Corrections with the corpus's own words."""

from __future__ import annotations

import pytest

from untilclick.search.analysis.by_name import FIRST_NAME, analysis_by_name
from untilclick.search.errors import ModelError
from untilclick.search.records import Document
from untilclick.search.text.spelling import SpellingCorrector
from untilclick.search.text.term_index import TermIndex

COUNTS = {
    "directory": 40, "directories": 20, "directly": 5, "tree": 30, "file": 50, "system": 40, "recursively": 9,
    "list": 30, "lost": 2, "mist": 90, "rare": 1, "utf8": 7, "iterator": 8, "filename": 3,
}  # fmt: skip


@pytest.fixture
def spelling() -> SpellingCorrector:
    """A corrector of the words above, with the first rules; `test_correction_rules.py` has the second."""
    return SpellingCorrector(COUNTS, rules=1)


@pytest.mark.parametrize(
    ("query", "corrected"),
    [
        ("recursivly delete direcotry", "recursively delete directory"),
        ("directories tree", None),
        ("The Tree of files", None),
        ("filesystem tree", "file system tree"),
        ("file name", "filename"),
        ("file system", None),
        ("fil ename tree", "filename tree"),
        ("itertor!", "iterator!"),
        ("lst", "list"),
        ("xqz qq", None),
        ("utf16 1234", None),
        ("", None),
        ("?!", None),
        ("direcotry " * 64, "directory " * 64),
        ("direcotry " * 65, None),
    ],
)
def test_only_words_that_the_corpus_lacks_are_corrected(spelling, query, corrected):
    assert spelling.correct(query) == corrected


@pytest.mark.parametrize(
    ("query", "corrected"),
    [
        ("Where is the Direcotry?", "Where is the Directory?"),
        ("C++  itertor,\tnot DIRECOTRY", "C++  iterator,\tnot DIRECTORY"),
        ("recursivly/direcotry.txt", "recursively/directory.txt"),
        ("Filesystem FILESYSTEM", "File system FILE SYSTEM"),
        ("File Name, file-name, file, name", "Filename, filename, file, name"),
        ("ｄｉｒｅｃｏｔｒｙ\u3000ｔｒｅｅ ½ itertor", "directory\u3000ｔｒｅｅ ½ iterator"),
        ("re\u0301sume\u0301 of itera\u00adtro 🎂", "re\u0301sume\u0301 of iterator 🎂"),
        ("ｉｔｅｒｔｏｒ目録", "iterator目録"),
    ],
)
def test_a_correction_stands_in_the_place_of_the_misspelt_word(spelling, query, corrected):
    """`C++ primr` became `c primer`, which no longer found C++."""
    assert spelling.correct(query) == corrected


def test_the_first_analysis_gives_words_in_lower_case_with_single_spaces():
    first = SpellingCorrector(COUNTS, analysis=analysis_by_name(FIRST_NAME))
    assert first.correct("Where is  the Direcotry?") == "where is the directory"
    assert first.correct("file, name-itertor") == "filename iterator"


def test_runs_of_scripts_without_spaces_are_neither_corrected_nor_joined():
    spelling = SpellingCorrector({"目録": 9, "書庫": 5, "目": 3, "탐색": 4, "สวัส": 2, "file": 9}, rules=1)
    assert [spelling.correct(text) for text in ("目録検索 目禄", "目 録", "탐섹", "탐 색", "สวส", "目録书庫")] == [
        None
    ] * 6
    assert spelling.candidates("目禄", 3) == []
    assert spelling.correct("目禄 flie 탐섹") == "目禄 file 탐섹"


def test_capitals_follow_the_language():
    turkish = SpellingCorrector({"ılıman": 9, "iklim": 9}, analysis=analysis_by_name("2-tr"), rules=1)
    assert turkish.correct("İklmi ILIMNA IKLMİ") == "İklim ILIMAN İKLİM"
    german = SpellingCorrector({"straße": 9}, analysis=analysis_by_name("2-de"), rules=1)
    assert german.correct("Die Starße?") == "Die Straße?"


def test_candidates_are_best_first_one_per_term_and_never_the_word_itself(spelling):
    assert spelling.candidates("direcotry", 5) == ["directory", "directly"]
    assert SpellingCorrector({"quokkas": 2, "quokkax": 1}).candidates("quokkax", 5) == ["quokkas"]
    assert spelling.candidates("direcotry", 1) == ["directory"]
    assert spelling.candidates("direcotry", 0) == []


def test_the_first_letter_counts_before_the_frequency():
    assert SpellingCorrector({"lozten": 2, "moxten": 90}).candidates("loxten", 3) == ["lozten", "moxten"]


@pytest.mark.parametrize("word", ["pregnancy", "just", "Anyone", "placebo"])
def test_common_english_words_are_no_mistakes_whatever_the_corpus_lacks(word):
    """On medical abstracts `during` became `curing`, and `how` became `hot`."""
    spelling = SpellingCorrector({"regency": 5, "jest": 5, "any": 5, "one": 5, "place": 5})
    assert not spelling.is_known(word)
    assert spelling.correct(word) is None
    assert spelling.candidates(word, 3) == []


def test_short_words_are_changed_by_one_edit_at_most(spelling):
    assert spelling.candidates("lisz", 5) == ["list"]
    assert spelling.candidates("lxxx", 5) == []


@pytest.mark.parametrize("word", ["utf9", "two words", "", "12", "\ud800", "x" * 5000])
def test_what_is_no_plain_word_has_no_candidates(spelling, word):
    assert spelling.candidates(word, 3) == []


def test_inflections_and_stop_words_are_known(spelling):
    assert all(spelling.is_known(word) for word in ("tree", "Trees", "FILES", "the", "utf8"))
    assert not any(spelling.is_known(word) for word in ("direcotry", "utf9"))


def test_rare_words_are_known_but_no_candidates():
    spelling = SpellingCorrector(COUNTS, min_count=2)
    assert spelling.is_known("rare")
    assert spelling.candidates("rore", 3) == []


def test_a_corpus_gives_its_own_words(toy_corpus):
    spelling = SpellingCorrector.from_index(TermIndex.build(toy_corpus))
    assert spelling.correct("bicicle tyer") == "bicycle tyre"


def test_an_empty_corpus_corrects_nothing():
    spelling = SpellingCorrector.from_index(TermIndex.from_documents([Document("1", "", "")]))
    assert spelling.correct("anything at all") is None
    assert not spelling.is_known("anything")


def test_a_saved_corrector_answers_alike(spelling, tmp_path):
    path = tmp_path / "spelling.json"
    spelling.save(path)
    loaded = SpellingCorrector.load(path)
    for query in ("recursivly direcotry", "filesystem", "tree"):
        assert loaded.correct(query) == spelling.correct(query)
        assert loaded.candidates(query, 5) == spelling.candidates(query, 5)
    loaded.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    "content",
    [
        None,
        "",
        "[]",
        '{"format": 1}',
        '{"format": 99, "min_count": 1, "words": {}}',
        '{"format":1,"min_count":1,"words":3}',
        '{"format":1,"min_count":1,"words":{"word":"many"}}',
    ],
)
def test_a_file_of_something_else_is_refused(tmp_path, content):
    path = tmp_path / "spelling.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ModelError, match=r"spelling\.json: .*Export the model again"):
        SpellingCorrector.load(path)


def test_all_that_a_first_correction_needs_is_loaded_before_it(monkeypatch):
    """The list of common words was read at the first misspelt query, which was then too late to be rewritten."""
    corrector = SpellingCorrector(COUNTS, rules=1)
    monkeypatch.setattr("untilclick.search.text.correction_rules._common_words", lambda: pytest.fail("read too late"))
    assert corrector.correct("direcotry") == "directory"
