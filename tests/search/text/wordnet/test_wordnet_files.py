"""The reader of WordNet's files, on a hand-made folder in the format of wndb(5WN)."""

import pytest

from untilclick.search.errors import DataError
from untilclick.search.text.wordnet.files import PARTS_OF_SPEECH, Pointer, SynsetId, read_wordnet

LICENCE = "  1 This software and database is being provided to you, the LICENSEE, by  \n"
NOUN = '00000123 18 n 03 doctor 0 Dr. 0 family_doctor 0 002 @ 00000456 n 0000 + 00000789 s 0101 | heals; "a doctor"'


@pytest.fixture
def folder(tmp_path):
    for ending in PARTS_OF_SPEECH.values():
        for kind in ("data", "index"):
            (tmp_path / f"{kind}.{ending}").write_text(LICENCE)
        (tmp_path / f"{ending}.exc").write_text("")
    (tmp_path / "data.noun").write_text(f"{LICENCE}{NOUN}  \n")
    (tmp_path / "data.adj").write_text(f"{LICENCE}00000789 00 s 01 ill(p) 0 000 | not well  \n")
    (tmp_path / "index.noun").write_text(f"{LICENCE}doctor n 2 2 @ + 2 1 00000123 00000456  \n")
    (tmp_path / "noun.exc").write_text("oxen ox\nteeth tooth teeth\n")
    (tmp_path / "cntlist.rev").write_text("doctor%1:18:00:: 1 73\nill%5:00:00:unwell:00 1 4\n")
    return tmp_path


def test_synsets_senses_counts_and_irregular_forms_are_read(folder):
    wordnet = read_wordnet(folder)
    doctor = wordnet.synsets[SynsetId("n", 123)]
    assert doctor.lemmas == ("doctor", "Dr.", "family_doctor")
    assert (doctor.kind, doctor.gloss) == (18, 'heals; "a doctor"')
    assert doctor.pointers == (Pointer("@", SynsetId("n", 456)), Pointer("+", SynsetId("a", 789)))
    assert wordnet.synsets[SynsetId("a", 789)].lemmas == ("ill",)
    assert wordnet.senses == {("doctor", "n"): (SynsetId("n", 123), SynsetId("n", 456))}
    assert wordnet.tag_counts == {("doctor", "n", 0): 73, ("ill", "a", 0): 4}
    assert wordnet.exceptions == {("oxen", "n"): "ox", ("teeth", "n"): "tooth"}


def test_a_missing_file_is_named_with_its_package(folder):
    (folder / "cntlist.rev").unlink()
    with pytest.raises(DataError, match=r"cntlist\.rev.*wordnet-base"):
        read_wordnet(folder)
