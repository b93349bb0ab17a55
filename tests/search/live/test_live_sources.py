"""Whose changes apply when the source of the documents is edited, renamed or gone."""

from __future__ import annotations

import pytest

from untilclick.search.analysis.by_name import english
from untilclick.search.errors import EngineError
from untilclick.search.records import Document

from tests.search.live.toy_shop import BASE, COMET, corpus, ids


def test_an_edited_corpus_gets_the_changes(opened, caplog):
    indexes = opened()
    indexes.open(english())
    indexes.put(Document("moon", "", "Craters everywhere."))
    indexes.put(COMET)
    indexes.delete("cat")
    edited = corpus(
        documents=(Document("moon", "", "Tides and edits."), *BASE[1:], Document("sun", "", "An edited sun."))
    )
    later = opened(edited)
    engine = later.open(english())
    assert (ids(engine, "craters"), ids(engine, "tides"), ids(engine, "comet")) == (["moon"], [], ["new"])
    assert (ids(engine, "cat"), ids(engine, "edited")) == (["dog"], ["sun"])
    assert "shop has other documents than at the last start" in caplog.text
    assert "(2 put and 1 deleted)" in caplog.text
    assert "untilclick changes" in caplog.text


def test_a_corpus_that_is_edited_and_edited_back_has_the_changes_of_both_times(opened):
    """The index of the first time holds the changes of the first time alone."""
    opened_first = opened()
    opened_first.open(english())
    opened_first.put(COMET)
    opened_first.put(Document("old", "", "An old comet."))
    edited = opened(corpus(documents=BASE[1:]))
    edited.open(english())
    edited.delete("old")
    edited.put(Document("newest", "", "The newest comet."))
    back = opened().open(english())
    assert ids(back, "comet") == ["new", "newest"]
    assert ids(back, "tides") == ["moon"]


def test_changes_of_one_source_never_reach_another(opened, caplog):
    shop, library = corpus("shop"), corpus("library", (*BASE, Document("book", "", "A book.")))
    of_shop, of_library = opened(shop), opened(library)
    of_shop.open(english())
    of_library.open(english())
    of_shop.put(COMET)
    of_library.delete("cat")
    assert ids(opened(shop).open(english()), "comet") == ["new"]
    assert ids(opened(shop).open(english()), "sleeping") == ["cat"]
    assert ids(opened(library).open(english()), "comet sleeping") == []
    opened(corpus("third", BASE[:2])).open(english())
    assert "The changed documents of shop (1 put and 0 deleted) do not apply to third" in caplog.text


def test_two_sources_with_equal_documents_and_journals_of_their_own_have_indexes_of_their_own(opened):
    opened(corpus("a", BASE[:3])).open(english())
    of_b = opened(corpus("b", BASE[:2]))
    of_b.open(english())
    of_b.put(COMET)
    of_a = opened(corpus("a", BASE[:2]))
    assert ids(of_a.open(english()), "comet") == []
    assert ids(opened(corpus("b", BASE[:2])).open(english()), "comet") == ["new"]


def test_equal_documents_under_another_name_have_the_same_changes(opened):
    indexes = opened(corpus("documents.jsonl"))
    indexes.open(english())
    indexes.put(COMET)
    assert ids(opened(corpus("copy.jsonl")).open(english()), "comet") == ["new"]


@pytest.fixture
def edited(opened, tmp_path):
    """A corpus edited under another name, such as the date of its export; the file of its changes is gone."""
    monday, tuesday = (tmp_path / f"{day}.jsonl" for day in ("monday", "tuesday"))
    monday.touch()
    indexes = opened(corpus(str(monday)))
    indexes.open(english())
    indexes.put(COMET)
    monday.rename(tuesday)
    return corpus(str(tuesday), BASE[:2])


def test_changes_of_a_file_that_is_gone_are_kept_or_dropped_as_its_owner_says(opened, edited):
    with pytest.raises(EngineError, match=r"monday\.jsonl, which is gone.*LIVE_CHANGES=keep.*LIVE_CHANGES=drop"):
        opened(edited)
    assert ids(opened(edited, "keep").open(english()), "comet") == ["new"]
    assert ids(opened(edited).open(english()), "comet") == ["new"]


def test_dropped_changes_of_a_file_that_is_gone_do_not_come_back(opened, edited):
    assert ids(opened(edited, "drop").open(english()), "comet") == []
    assert ids(opened(edited).open(english()), "comet") == []
