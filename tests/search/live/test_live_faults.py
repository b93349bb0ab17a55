"""Changes of documents while processes end, fail, or change and build the same indexes at once."""

from __future__ import annotations

import multiprocessing
import threading

import pytest

from untilclick.search.analysis.by_name import english
from untilclick.search.errors import EngineError
from untilclick.search.live import live_index, live_indexes
from untilclick.search.live.live_index import LiveIndex
from untilclick.search.live.live_indexes import LiveIndexes
from untilclick.search.records import Document

from tests.search.live.toy_shop import COMET, FRENCH, corpus, ids


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
