"""Documents that are changed in all live indexes of a source, and what is left of the changes after faults."""

from __future__ import annotations

import gc
import multiprocessing
import threading
import weakref

import pytest

from untilclick.search.analysis.by_name import analysis_by_name, english
from untilclick.search.corpora.load import corpus_of
from untilclick.search.engines import open_engine
from untilclick.search.errors import EngineError, UnknownDocumentError
from untilclick.search.live import live_index, live_indexes
from untilclick.search.live.live_index import LiveIndex
from untilclick.search.live.live_indexes import LiveIndexes
from untilclick.search.records import Document, WeightedQuery

FRENCH = analysis_by_name("2-fr")
BASE = (
    Document("moon", "The moon", "Tides follow it."),
    Document("cat", "", "A sleeping cat."),
    Document("dog", "", "A barking dog and a cat."),
    Document("stars", "", "Stars at night."),
)
COMET = Document("new", "", "A comet and its tail.")


def corpus(source="shop", documents=BASE):
    return corpus_of(source, documents)


@pytest.fixture
def opened(tmp_path):
    """Opens live indexes below one folder; each call stands for a process."""
    everything = []

    def make(of=None, unclear="refuse"):
        everything.append(LiveIndexes(of or corpus(), tmp_path / "index", unclear))
        return everything[-1]

    yield make
    for indexes in everything:
        indexes.close()


def ids(engine, text, k=10):
    return [entry.doc_id for entry in engine.search([WeightedQuery.of(text)], k)[0]]


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


def test_a_crash_between_two_indexes_is_mended_from_the_journal(opened, monkeypatch):
    indexes = opened()
    engines = [indexes.open(english()), indexes.open(FRENCH)]
    write, written = live_index.write_changes, []

    def crash_at_the_second(index, analysis, changes):
        if written:
            raise KeyboardInterrupt
        written.append(analysis.name)
        write(index, analysis, changes)

    with monkeypatch.context() as patch:
        patch.setattr(live_index, "write_changes", crash_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            indexes.put(COMET)
    other = opened()  # a process that searches both indexes
    assert [ids(other.open(analysis), "comet") for analysis in (english(), FRENCH)] == [["new"], ["new"]]
    indexes.follow()
    assert [ids(engine, "comet") for engine in engines] == [["new"], ["new"]]


def test_a_crash_before_the_mark_applies_the_change_again(opened, monkeypatch):
    indexes = opened()
    engine = indexes.open(english())
    with monkeypatch.context() as patch:
        patch.setattr(LiveIndex, "write_mark", lambda index, mark: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            indexes.put(COMET)
    indexes.follow()
    assert ids(engine, "comet tail") == ["new"]
    assert len(ids(engine, "cat moon stars comet")) == 5


def test_a_follower_mends_what_another_process_left_undone(opened, monkeypatch):
    first, second = opened(), opened()
    first.open(english())
    engine = second.open(english())
    with monkeypatch.context() as patch:
        patch.setattr(first, "_apply", lambda indexes: None)  # the process ends after the journal is written
        first.put(COMET)
    assert ids(engine, "comet") == []
    second.follow()
    assert ids(engine, "comet") == ["new"]


def test_a_journal_that_cannot_be_written_changes_nothing(opened):
    indexes = opened()
    engine = indexes.open(english())
    indexes.journal._connection.execute("PRAGMA query_only = ON")
    with pytest.raises(EngineError, match="journal of changed documents cannot be used"):
        indexes.put(COMET)
    indexes.journal._connection.execute("PRAGMA query_only = OFF")
    indexes.follow()
    assert ids(engine, "comet") == []
    indexes.put(COMET)
    assert ids(engine, "comet") == ["new"]


def test_an_index_that_cannot_be_written_is_reported_and_gets_the_change_later(opened, monkeypatch):
    indexes = opened()
    engine = indexes.open(english())

    def full(index, analysis, changes):
        raise EngineError("The disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(live_index, "write_changes", full)
        with pytest.raises(EngineError, match="recorded, but not in all indexes yet"):
            indexes.put(COMET)
    indexes.follow()
    assert ids(engine, "comet") == ["new"]


@pytest.mark.parametrize("from_corpus", [True, False])
def test_changes_during_a_build_are_in_the_new_index(opened, monkeypatch, from_corpus):
    """From the corpus, as at a start, and from the documents of another index, as at an activation."""
    indexes = opened()
    engine = indexes.open(english())
    if not from_corpus:
        indexes.forget_corpus()
    indexes.put(Document("before", "", "A comet of last year."))
    built = live_indexes.built

    def slowly(path, placed, mark):
        indexes.put(COMET)
        indexes.delete("cat")
        indexes.delete("before")
        return built(path, placed, mark)

    monkeypatch.setattr(live_indexes, "built", slowly)
    french = indexes.open(FRENCH)
    assert ids(french, "comet") == ids(engine, "comet") == ["new"]
    assert ids(french, "cat") == ids(engine, "cat") == ["dog"]
    assert french.documents(["new", "moon"]) == engine.documents(["new", "moon"])


def test_two_processes_that_build_one_index_at_once_share_it(opened, monkeypatch):
    first, second = opened(), opened()
    built = live_indexes.built

    def overtaken(path, placed, mark):
        with monkeypatch.context() as patch:
            patch.setattr(live_indexes, "built", built)
            second.open(english())
            second.put(COMET)
        return built(path, placed, mark)

    monkeypatch.setattr(live_indexes, "built", overtaken)
    assert ids(first.open(english()), "comet") == ["new"]
    assert len(live_index.live_folders(first._folder)) == 1


def _put_many(folder, name, n):
    indexes = LiveIndexes(corpus(), folder)
    analysis = english() if name == "a" else FRENCH
    engine = indexes.open(analysis)
    for number in range(n):
        indexes.put(Document("same", "", f"version{name}{number}"))
        indexes.put(Document(f"{name}{number}", "", "one of many"))
    assert len(ids(engine, "many", 100)) >= n
    indexes.close()


def test_two_processes_that_change_one_document_leave_one_version_in_all_indexes(tmp_path, opened):
    folder = tmp_path / "index"
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_put_many, args=(folder, name, 8)) for name in ("a", "b")]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
        assert process.exitcode == 0
    indexes = opened()
    engines = [indexes.open(english()), indexes.open(FRENCH)]
    texts = {engine.documents(["same"])[0].text for engine in engines}
    assert len(texts) == 1
    assert {len(ids(engine, "many", 100)) for engine in engines} == {16}
    orders = {tuple(ids(engine, "many", 100)) for engine in engines}
    assert len(orders) == 1, "ties are in the same order in all indexes"


def test_threads_that_change_documents_at_once_lose_none(opened):
    indexes = opened()
    engine = indexes.open(english())
    threads = [
        threading.Thread(target=lambda name=name: indexes.put(Document(f"t{name}", "", "many threads")))
        for name in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ids(engine, "threads")) == [f"t{name}" for name in range(6)]


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


def test_changes_of_a_file_that_is_gone_are_kept_or_dropped_as_its_owner_says(opened, tmp_path):
    """Such as a file with the date of its export in its name."""
    monday, tuesday = (tmp_path / f"{day}.jsonl" for day in ("monday", "tuesday"))
    monday.touch()
    indexes = opened(corpus(str(monday)))
    indexes.open(english())
    indexes.put(COMET)
    monday.rename(tuesday)
    edited = corpus(str(tuesday), BASE[:2])
    with pytest.raises(EngineError, match=r"monday\.jsonl, which is gone.*LIVE_CHANGES=keep.*LIVE_CHANGES=drop"):
        opened(edited)
    assert ids(opened(edited, "keep").open(english()), "comet") == ["new"]
    assert ids(opened(edited).open(english()), "comet") == ["new"]


def test_dropped_changes_of_a_file_that_is_gone_do_not_come_back(opened, tmp_path):
    monday, tuesday = (tmp_path / f"{day}.jsonl" for day in ("monday", "tuesday"))
    monday.touch()
    indexes = opened(corpus(str(monday)))
    indexes.open(english())
    indexes.put(COMET)
    monday.rename(tuesday)
    edited = corpus(str(tuesday), BASE[:2])
    assert ids(opened(edited, "drop").open(english()), "comet") == []
    assert ids(opened(edited).open(english()), "comet") == []


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
