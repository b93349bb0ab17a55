"""Documents that are changed in all live indexes of a source."""

from __future__ import annotations

import gc
import weakref

import pytest

from untilclick.search.analysis.by_name import analysis_by_name, english
from untilclick.search.engines import open_engine
from untilclick.search.errors import EngineError, UnknownDocumentError
from untilclick.search.live import live_index
from untilclick.search.live.live_index import LiveIndex
from untilclick.search.records import Document, WeightedQuery

from tests.search.live.toy_shop import BASE, COMET, FRENCH, corpus, ids


def test_a_changed_document_is_searchable_at_once(opened):
    indexes = opened()
    engine = indexes.open(english())
    engine.feedback_terms(WeightedQuery.of("moon"), 3)
    indexes.put(Document("moon", "The moon", "Craters everywhere."))
    indexes.put(COMET)
    assert ids(engine, "comet") == ["new"]
    assert ids(engine, "craters") == ["moon"]
    assert ids(engine, "tides") == []
    assert engine.documents(["new", "moon"])[0].text == "A comet and its tail."
    assert "craters" in dict(engine.feedback_terms(WeightedQuery.of("moon"), 5))
    indexes.delete("new")
    indexes.delete("cat")
    assert ids(engine, "comet cat") == ["dog"]
    with pytest.raises(UnknownDocumentError, match="No document 'cat'"):
        indexes.delete("cat")


def test_given_documents_have_the_scores_of_a_search_after_every_change(opened):
    """Changes give an index several segments, whose documents are out of order; a replaced document counts once."""
    texts = {f"d{i}": "moon " * (1 + i % 3) + f"sea w{i % 5}q" for i in range(40)}
    indexes = opened(corpus(documents=tuple(Document(doc_id, "", text) for doc_id, text in texts.items())))
    engine = indexes.open(english())
    query = WeightedQuery((("moon w1q", 0.3), ("sea", 1.7), ("comet w3q w4q", 0.09)))
    changes = {"d7": "the moon alone", "new": "comet w4q", "d8": None, "d9": "nothing", "d0": "sea sea w1q"}
    for doc_id, text in changes.items():
        if text is None:
            indexes.delete(doc_id)
            del texts[doc_id]
        else:
            indexes.put(Document(doc_id, "", text))
            texts[doc_id] = text
        for k in (3, 100):
            ranking = engine.search([query], k)[0]
            first = [entry.doc_id for entry in ranking]
            assert engine.scores([query], [first]) == [[entry.score for entry in ranking]]
        by_id = dict(ranking)
        assert engine.scores([query], [[*texts]]) == [[by_id.get(each, 0.0) for each in texts]]
    with pytest.raises(UnknownDocumentError, match="No document 'd8'"):
        engine.scores([query], [["d8"]])


def test_changes_outlive_the_process_and_leave_the_index_of_the_corpus_alone(opened, tmp_path):
    indexes = opened()
    indexes.open(english())
    indexes.put(COMET)
    indexes.delete("cat")
    again = opened().open(english())
    assert ids(again, "comet") == ["new"]
    assert ids(again, "sleeping cat") == ["dog"]
    assert ids(open_engine("tantivy", corpus(), tmp_path / "index"), "comet sleeping") == ["cat"]


def test_every_index_in_use_gets_a_change_whichever_process_makes_it(opened):
    """A process that does not search an index, and does not know of it, must change it all the same."""
    first, second = opened(), opened()
    english_engine = first.open(english())
    french_engine = second.open(FRENCH)
    first.put(COMET)
    assert second.journal.last == 1
    (french_index,) = [
        LiveIndex.at(path)
        for path in live_index.live_folders(first._folder)
        if LiveIndex.at(path).mark.analysis == "2-fr"
    ]
    assert french_index.mark.sequence == 1
    assert ids(french_engine, "comet") == []
    second.follow()
    assert ids(french_engine, "comet") == ids(english_engine, "comet") == ["new"]
    second.delete("new")
    first.follow()
    assert ids(english_engine, "comet") == ids(french_engine, "comet") == []


def test_an_index_that_was_out_of_use_gets_what_it_missed(opened, monkeypatch):
    """A roll-back after a week must not bring back the documents of last week."""
    indexes = opened()
    indexes.open(english())
    del indexes
    later = opened()
    later.open(FRENCH)
    monkeypatch.setattr(live_index, "IN_USE_S", 0.0)
    later.put(COMET)
    later.delete("cat")
    engine = later.open(english())
    assert (ids(engine, "comet"), ids(engine, "sleeping cat")) == (["new"], ["dog"])


def test_dropped_changes_give_back_the_documents_of_the_corpus(opened, monkeypatch):
    first, second = opened(), opened()
    engine = first.open(english())
    other = second.open(FRENCH)
    first.put(COMET)
    first.put(Document("moon", "", "Craters."))
    first.delete("cat")
    assert second.drop_changes() == (2, 1)
    for indexes in (first, second):
        indexes.follow()
    for each in (engine, other):
        assert (ids(each, "comet craters"), ids(each, "tides"), ids(each, "sleeping")) == ([], ["moon"], ["cat"])
    first.put(COMET)
    assert (ids(engine, "comet"), first.journal.counts) == (["new"], (1, 0))
    assert ids(opened(corpus(documents=BASE[1:])).open(english()), "comet tides") == ["new"]


def test_a_replaced_document_keeps_its_place_among_ties(opened):
    same = corpus(documents=tuple(Document(f"d{i}", "", "same words") for i in range(5)))
    indexes = opened(same)
    engine = indexes.open(english())
    indexes.put(Document("d1", "", "same words"))
    indexes.put(Document("d9", "", "same words"))
    indexes.put(Document("d7", "", "same words"))
    indexes.put(Document("d9", "", "same words"))
    expected = ["d0", "d1", "d2", "d3", "d4", "d9", "d7"]
    assert ids(engine, "same") == ids(indexes.open(FRENCH), "same") == expected
    assert ids(engine, "same", 2) == ["d0", "d1"]
    indexes.delete("d0")
    indexes.put(Document("d0", "", "same words"))
    expected = ["d1", "d2", "d3", "d4", "d9", "d7", "d0"]
    assert ids(engine, "same") == ids(indexes.open(analysis_by_name("2-de")), "same") == expected


def test_a_new_document_never_gets_the_id_of_a_deleted_one(opened):
    """A new document once got the place of a deleted last document of the corpus, and with it that document's id."""
    indexes = opened()
    engine = indexes.open(english())
    indexes.delete("stars")
    indexes.put(COMET)
    assert ids(engine, "comet") == ["new"]
    indexes.put(Document("stars", "", "Stars are back."))
    assert ids(engine, "stars") == ["stars"]
    assert ids(engine, "comet") == ["new"]


def test_a_change_while_a_program_of_another_version_writes_is_reported(opened):
    indexes = opened()
    engine = indexes.open(english())
    writer = engine._index.writer(heap_size=16 * 2**20, num_threads=1)
    with pytest.raises(EngineError, match="not in all indexes yet"):
        indexes.put(COMET)
    writer.rollback()
    del writer
    indexes.follow()
    assert ids(engine, "comet") == ["new"]


def test_titles_follow_the_changes_of_this_process_and_of_others(opened):
    """The other process replaces a document in a segment of its own, and then changes what this process just put."""
    first, second = opened(), opened()
    one, other, french = first.open(english()), second.open(english()), second.open(FRENCH)
    first.put(Document("new", "Comet", "A tail."))
    assert (one.with_title("comet"), other.with_title("comet")) == (["new"], [])
    second.follow()
    assert other.with_title("comet") == french.with_title("comet") == ["new"]
    second.put(Document("new", "Meteor", "A tail."))
    second.delete("moon")
    first.put(Document("newer", "Comet", "Another tail."))  # takes over the changes of the other process
    assert one.with_title("comet") == ["newer"]
    assert one.with_title("meteor") == ["new"]
    assert one.with_title("the moon") == other.with_title("the moon") == []
    assert opened().open(english()).with_title("COMET") == ["newer"]
    first.drop_changes()
    first.follow()
    assert (one.with_title("comet"), one.with_title("the moon")) == ([], ["moon"])


def test_an_engine_that_nobody_uses_is_let_go(opened):
    indexes = opened()
    engine = indexes.open(english())
    gone = weakref.ref(indexes.open(FRENCH))
    gc.collect()
    assert gone() is None
    indexes.put(COMET)
    assert ids(engine, "comet") == ["new"]


def test_text_with_half_of_a_surrogate_pair_is_kept(opened):
    indexes = opened()
    indexes.open(english())
    indexes.put(Document("half", "t\ud800", "text \udfff"))
    later = opened(corpus(documents=BASE[:2]))
    assert later.open(english()).documents(["half"]) == [Document("half", "t\ud800", "text \udfff")]
