"""The table of word senses that the package carries."""

from dataclasses import fields
from importlib.resources import files

import numpy as np
import pytest

from untilclick.search.text.wordnet.sense_table import TABLE_FILE, Name, SenseTable, shipped_senses

from benchmarks.wordnet_table import DEBIAN_FOLDER, make_table

ROOM = files("untilclick.search.text.wordnet")
TABLE = shipped_senses()


def test_the_table_is_small_and_has_its_licence_beside_it():
    assert len((ROOM / TABLE_FILE).read_bytes()) < 1_500_000
    licence = (ROOM / "LICENSE-wordnet.txt").read_text(encoding="utf-8")
    assert "WordNet 3.0 Copyright 2006 by Princeton University" in licence
    assert "Permission to use, copy, modify and distribute" in licence


@pytest.mark.skipif(
    not DEBIAN_FOLDER.is_dir(), reason="the files of WordNet (Debian: wordnet-base) are not installed"
)
def test_the_table_is_what_its_script_makes():
    made = make_table()
    assert [field.name for field in fields(SenseTable) if not _equal(made, field.name)] == []


def _equal(made: SenseTable, name: str) -> bool:
    return np.array_equal(getattr(made, name), getattr(TABLE, name))


def test_a_saved_table_is_the_same(tmp_path):
    TABLE.save(tmp_path / TABLE_FILE)
    loaded = SenseTable.load(tmp_path / TABLE_FILE)
    assert all(_equal(loaded, field.name) for field in fields(SenseTable))
    assert (tmp_path / TABLE_FILE).read_bytes() == (ROOM / TABLE_FILE).read_bytes()


@pytest.mark.parametrize(
    ("word", "part", "base"),
    [
        ("physicians", "n", "physician"),
        ("children", "n", "child"),
        ("studies", "v", "study"),
        ("stopping", "v", "stop"),
        ("removed", "v", "remove"),
        ("ran", "v", "run"),
        ("bigger", "a", "big"),
        ("integer", "v", None),
        ("qwertz", "n", None),
        ("", "n", None),
        ("s", "n", None),
    ],
)
def test_base_forms_by_part_of_speech(word, part, base):
    assert TABLE.base_form(word, part) == base


def test_the_senses_of_a_lemma_with_their_names_and_definition():
    senses, tags = TABLE.senses_of("physician", "n")
    (sense,) = senses.tolist()
    assert tags.tolist() == [7]
    assert Name("doctor", 73, 0.97) in TABLE.names_of(sense)
    assert TABLE.definition(sense) == ("licensed", "medical", "practitioner")
    assert TABLE.domain_words(sense) == ()
    assert len(TABLE.senses_of("qwertz", "n")[0]) == 0


def test_a_synset_of_a_field_names_it():
    domains = {word for sense in TABLE.senses_of("server", "n")[0].tolist() for word in TABLE.domain_words(sense)}
    assert {"computing", "science"} & domains


def test_frequencies_are_those_of_the_rarest_word():
    assert TABLE.frequency("number") > TABLE.frequency("integer") > 2.0
    assert TABLE.frequency("whole number") == min(TABLE.frequency("whole"), TABLE.frequency("number"))
    assert TABLE.frequency("qwertz number") == 0.0


def test_a_signature_has_the_words_of_the_gloss_and_lighter_ones_of_what_is_above():
    (sense,) = TABLE.senses_of("physician", "n")[0].tolist()
    row = TABLE.signatures[[sense]].toarray().ravel()
    weight = {word: row[TABLE.word_ids[word]] for word in ("licensed", "doctor", "practices", "banana")}
    assert weight["licensed"] >= 1.0
    assert weight["doctor"] > weight["practices"] > weight["banana"] == 0.0
