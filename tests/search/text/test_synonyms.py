"""The WordNet reader on a hand-made folder in the format of wndb(5WN), and on the real one where it is installed."""

import logging

import pytest

from untilclick.search.text import synonyms
from untilclick.search.text.synonyms import (
    DEFAULT_FOLDER,
    NoSynonyms,
    WordNetSynonyms,
    note_on_synonyms,
    open_synonyms,
)

LICENCE = "  1 This software and database is being provided to you, the LICENSEE, by  \n  2 nobody in particular.\n"
SYNSETS = {
    "noun": [["car", "auto", "motor_vehicle"], ["car", "railcar"], ["car", "gondola"], ["city", "metropolis"]],
    "verb": [["start", "begin"], ["cope", "get_by", "make_do"]],
    "adj": [["quick", "speedy(p)", "Fast"]],
    "adv": [],
}


@pytest.fixture
def folder(tmp_path):
    for pos, synsets in SYNSETS.items():
        data, offsets = LICENCE, {}
        for lemmas in synsets:
            for lemma in lemmas:
                offsets.setdefault(lemma.partition("(")[0].lower(), []).append(len(data))
            listed = " ".join(f"{lemma} 0" for lemma in lemmas)
            data += f"{len(data):08d} 06 {pos[0]} {len(lemmas):02x} {listed} 001 @ 00001740 n 0000 | a gloss  \n"
        (tmp_path / f"data.{pos}").write_text(data)
        lines = [
            f"{lemma} {pos[0]} {len(places)} 1 @ {len(places)} 0 {' '.join(f'{offset:08d}' for offset in places)}  \n"
            for lemma, places in sorted(offsets.items())
        ]
        (tmp_path / f"index.{pos}").write_text(LICENCE + "".join(lines))
    return tmp_path


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("car", ("auto", "railcar")),  # two senses at most, no phrases
        ("auto", ("car",)),
        ("cities", ("metropolis",)),
        ("starting", ("begin",)),
        ("quick", ("speedy", "fast")),
        ("fast", ("quick", "speedy")),
        ("cope", ()),
        ("zebra", ()),
        ("aaa", ()),
        ("", ()),
    ],
)
def test_synonyms_of_a_word(folder, word, expected):
    assert WordNetSynonyms(folder).of(word) == expected


def test_the_variable_says_where_wordnet_is(folder):
    assert open_synonyms({"WNSEARCHDIR": str(folder)}).of("begin") == ("start",)


def test_where_wordnet_is_missing_no_word_has_synonyms_and_the_log_says_so_once(tmp_path, caplog):
    synonyms._open_folder.cache_clear()
    with caplog.at_level(logging.INFO, logger="untilclick.search.text.synonyms"):
        first, second = (open_synonyms({"WNSEARCHDIR": str(tmp_path)}) for _ in range(2))
    assert isinstance(first, NoSynonyms)
    assert first.of("car") == second.of("car") == ()
    assert [(record.levelname, record.message.count("wordnet-base")) for record in caplog.records] == [("INFO", 1)]


def test_a_note_says_what_is_different_without_wordnet(tmp_path, folder):
    (tmp_path / "empty").mkdir()
    assert "type no synonyms" in note_on_synonyms({"WNSEARCHDIR": str(tmp_path / "empty")})
    assert note_on_synonyms({"WNSEARCHDIR": str(folder)}) == ""


@pytest.mark.skipif(not (DEFAULT_FOLDER / "index.noun").is_file(), reason="wordnet-base is not installed")
def test_the_real_wordnet_answers():
    wordnet = open_synonyms({})
    assert "auto" in wordnet.of("car")
    assert "begin" in wordnet.of("start")
    assert "mistake" in wordnet.of("errors")
    assert wordnet.of("zzzzz") == ()
