"""Two dictionaries, one as documents and one as queries."""

from __future__ import annotations

import gzip

import pytest

from untilclick.search.errors import DataError
from untilclick.search.records import Topic

from benchmarks.corpora.dictionary import build, definitions, entries, own_words

BODY = "A row of tall columns that stand around the court of a temple, or before its front side."
GCIDE = f"""
Peristyle \\Per"i*style\\, n. [L. peristylum.] (Arch.)
   {BODY}
   [1913 Webster]

   2. A colonnade that surrounds a building. [WordNet 1.5]

Peristyle court \\x\\, n.
   {BODY}

Row \\Row\\, n.
   {BODY}

Row \\Row\\, v. t.
   {BODY}
"""
NOUNS = """  1 This is the licence | of it; all
00000001 06 n 02 peristyle 0 colonnade 0 001 @ 00000002 n 0000 | a structure (in Asia) with tall even columns; "seen"
00000002 06 n 01 row 0 000 | an arrangement of objects side by side in a line
"""
VERBS = "00000003 38 v 01 row 0 000 01 + 02 00 | propel with oars\n"


def test_passages_from_wordnet_and_all_marks_of_sources_are_left_out():
    assert own_words("One. [1913 Webster]\n Two. [WordNet 1.5] Three. [PJC] {Four}") == "One. Three. {Four}"


def test_documents_are_the_entries_of_words_with_one_entry():
    (document,) = entries(GCIDE.splitlines(keepends=True))
    assert (document.doc_id, document.title) == ("peristyle", "Peristyle")
    assert document.text == f"n. [L. peristylum.] (Arch.) {BODY}"


def test_definitions_are_those_of_words_with_one_meaning_without_asides_and_examples():
    definition_of = definitions([NOUNS.splitlines(), VERBS.splitlines()])
    assert set(definition_of) == {"peristyle", "colonnade"}
    assert definition_of["peristyle"] == "a structure with tall even columns"


def test_both_dictionaries_make_a_collection(tmp_path):
    wordnet, dictd = tmp_path / "usr/share/wordnet", tmp_path / "usr/share/dictd"
    wordnet.mkdir(parents=True)
    dictd.mkdir(parents=True)
    for part, lines in (("noun", NOUNS), ("verb", VERBS), ("adj", ""), ("adv", "")):
        (wordnet / f"data.{part}").write_text(lines, encoding="utf-8")
    (dictd / "gcide.dict.dz").write_bytes(gzip.compress(GCIDE.encode()))
    corpus = build(tmp_path)
    assert corpus.topics == (Topic("peristyle", "a structure with tall even columns", {"peristyle": 1}),)


def test_without_a_dictionary_the_packages_are_named(tmp_path):
    with pytest.raises(DataError, match="apt-get install wordnet-base dict-gcide"):
        build(tmp_path)
