"""Live indexes that follow no journal: written before there were journals, or left behind by a deleted one."""

from __future__ import annotations

import pytest

from untilclick.search.analysis.by_name import FIRST_NAME, analysis_by_name, english
from untilclick.search.corpora.load import corpus_of
from untilclick.search.engines.tantivy_index import PlacedChange, built_beside, open_at, write_changes
from untilclick.search.errors import EngineError
from untilclick.search.live.live_index import live_folders
from untilclick.search.live.live_indexes import LiveIndexes
from untilclick.search.records import Document, WeightedQuery

FIRST = analysis_by_name(FIRST_NAME)
WORDS = ("amber", "bronze", "copper", "denim", "ebony", "felt")
BASE = tuple(Document(f"d{i}", "", f"Lamp of {word}.") for i, word in enumerate(WORDS))
VISITED = (
    PlacedChange("d1", Document("d1", "", "A replaced lantern."), 1),
    PlacedChange("d2", None, 0),
    PlacedChange("z", Document("z", "", "An added lantern."), 6),
)


def corpus(documents=BASE, source="shop"):
    return corpus_of(source, documents)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "index"


@pytest.fixture
def earlier(folder):
    """Makes a live index as it was before there were journals; returns its folder."""

    def make(of=None, changes=VISITED):
        of = of or corpus()
        path = folder / f"live-tantivy-1-d7f06194-{of.fingerprint}"
        with built_beside(path, enumerate(of.documents), FIRST) as temporary:
            temporary.rename(path)
        if changes:
            write_changes(open_at(path), FIRST, changes)
        return path

    return make


@pytest.fixture
def opened(folder):
    everything = []

    def make(of=None, unclear="refuse"):
        everything.append(LiveIndexes(of or corpus(), folder, unclear))
        return everything[-1]

    yield make
    for indexes in everything:
        indexes.close()


def found(indexes, query, analysis=FIRST):
    engine = indexes.open(analysis)
    return [entry.doc_id for entry in engine.search([WeightedQuery.of(query)], 10)[0]]


def test_changes_to_the_same_corpus_are_taken_exactly_and_once(earlier, opened, caplog):
    path = earlier()
    indexes = opened()
    assert indexes.analysis == FIRST_NAME
    assert indexes.journal.counts == (2, 1)
    assert "3 changed documents are kept" in caplog.text
    assert found(indexes, "lantern") == ["d1", "z"]
    assert live_folders(path.parent) == [path]
    caplog.clear()
    again = opened()
    assert (again.journal.last, again.journal.counts, caplog.text) == (indexes.journal.last, (2, 1), "")


def test_another_analysis_has_the_changes_of_the_first(earlier, opened):
    earlier()
    indexes = opened()
    assert found(indexes, "lanterns", english()) == ["d1", "z"]
    assert found(indexes, "copper", english()) == []


def test_later_changes_follow_the_places_of_earlier_ones(earlier, opened):
    earlier()
    indexes = opened()
    indexes.open(FIRST)
    indexes.put(Document("y", "", "An added lantern."))
    assert found(indexes, "added") == found(indexes, "added", english()) == ["z", "y"]


def test_an_edited_corpus_does_not_block_an_index_that_nobody_changed(earlier, opened, caplog):
    earlier(changes=())
    indexes = opened(corpus((*BASE, Document("new", "", "A lantern in the file."))))
    assert indexes.journal.counts.total == 0
    assert found(indexes, "lantern") == ["new"]
    assert caplog.text == ""


EDITED = (Document("d0", "", "Lamp of amber, edited."), *BASE[1:5])


def test_an_edited_corpus_refuses_until_its_owner_decides(earlier, opened):
    earlier()
    with pytest.raises(EngineError) as refused:
        opened(corpus(EDITED))
    message = str(refused.value)
    assert "shop was edited since" in message
    assert "documents that shop lacks (2), that differ (2) and that only it has (1)" in message
    assert "UNTILCLICK_LIVE_CHANGES=keep" in message
    assert "UNTILCLICK_LIVE_CHANGES=drop" in message


def test_kept_are_the_documents_that_the_corpus_lacks(earlier, opened):
    earlier()
    indexes = opened(corpus(EDITED), "keep")
    assert indexes.journal.counts == (2, 0)  # z, and d5, which the edit removed or which was put
    assert found(indexes, "lantern") == ["z"]
    assert found(indexes, "edited") == ["d0"]
    assert opened(corpus(EDITED)).journal.counts == (2, 0)


def test_dropped_changes_stay_dropped_when_the_corpus_comes_back(earlier, opened):
    earlier()
    assert found(opened(corpus(EDITED), "drop"), "lantern") == []
    assert found(opened(corpus(EDITED)), "lantern") == []
    assert found(opened(), "lantern") == []
    assert found(opened(), "copper") == ["d2"]


def test_later_changes_win_over_those_of_an_earlier_index(earlier, opened):
    earlier()
    edited = opened(corpus(EDITED), "keep")
    edited.open(english())
    edited.delete("z")
    back = opened()
    assert found(back, "lantern", english()) == found(back, "lantern") == ["d1"]


def test_an_index_of_other_documents_is_left_alone(earlier, opened, caplog):
    earlier(corpus(tuple(Document(f"other{i}", "", "Something else.") for i in range(6)), "library"))
    assert opened().journal.counts.total == 0
    assert "most of its documents are not in shop" in caplog.text
    caplog.clear()
    opened()
    assert caplog.text == ""


def test_changes_survive_the_loss_of_their_journal(folder, opened):
    indexes = opened()
    indexes.open(english())
    indexes.put(Document("z", "", "An added lantern."))
    indexes.delete("d2")
    indexes.close()
    for path in folder.glob("changes-*"):
        path.unlink()
    again = opened()
    assert again.journal.counts == (1, 1)
    assert found(again, "lantern", english()) == ["z"]
    assert len(live_folders(folder)) == 1
    again.put(Document("y", "", "A lantern, too."))
    assert set(found(again, "lantern", english())) == {"y", "z"}
