"""Documents found by meaning while they are put, replaced and deleted, by one process and by two."""

import gc
import threading

import numpy as np
import pytest

from untilclick.search.analysis.by_name import english
from untilclick.search.corpora.load import load_corpus
from untilclick.search.engines.vectors.document_vectors import KnownVectors
from untilclick.search.engines.vectors.encoded_documents import text_hashes
from untilclick.search.engines.vectors.exact_index import ExactIndex
from untilclick.search.engines.vectors.overlay_index import ChangedDocument, OverlayIndex
from untilclick.search.records import Document

from tests.app.stand_ins import wait_until
from tests.fake_encoder import FakeEncoder
from tests.search.live.toy_shop import BASE, COMET, ids

TEXTS = [document.content for document in BASE]
KNOWN = KnownVectors(text_hashes(TEXTS), FakeEncoder().encode(TEXTS))


class Process:
    """Live indexes, and the documents of them by an encoder."""

    def __init__(self, indexes, encoder=None, known=KNOWN):
        self.indexes = indexes
        self.encoder = encoder or FakeEncoder()
        self.engine = indexes.open(english())
        self.now = indexes.vectors(self.encoder, known)
        wait_until(lambda: self.now() is not None)

    def first(self, text):
        """The document nearest to a text of another document; every text has another direction."""
        (entry,) = self.now().nearest(FakeEncoder().encode([text])[0], 1)
        return entry.doc_id if entry.score > 0.99 else None


@pytest.fixture
def process(opened):
    return lambda *args, **kwargs: Process(opened(), *args, **kwargs)


def test_a_start_with_known_vectors_encodes_nothing(process):
    started = process()
    assert [started.first(text) for text in TEXTS] == [document.doc_id for document in BASE]
    assert started.encoder.encoded == []


def test_a_document_is_found_by_meaning_when_it_is_put_and_another_process_follows(process):
    one, two = process(), process()
    index = two.now()  # as a cached rewrite keeps it
    one.indexes.put(COMET)
    assert one.first(COMET.content) == "new"
    two.indexes.follow()
    assert two.first(COMET.content) == "new"
    assert two.encoder.encoded == []
    assert "new" in index
    assert len(index) == len(BASE) + 1
    one.indexes.delete("new")
    two.indexes.follow()
    assert (one.first(COMET.content), two.first(COMET.content)) == (None, None)


def test_a_replaced_document_has_its_new_vector_alone_and_its_old_place(process):
    one, two = process(), process()
    one.indexes.put(Document("cat", "", "A cat that hunts."))
    two.indexes.follow()
    for each in (one, two):
        assert each.first("A cat that hunts.") == "cat"
        assert each.first("A sleeping cat.") is None
        assert each.now().in_corpus_order(["stars", "cat", "moon"]) == ["moon", "cat", "stars"]
        assert len(each.now()) == len(BASE)


def test_nothing_is_encoded_again_after_a_restart(process):
    first = process()
    first.indexes.put(COMET)
    first.indexes.put(Document("cat", "", "A cat that hunts."))
    first.indexes.delete("dog")
    again = process()
    assert [again.first(text) for text in (COMET.content, "A cat that hunts.", TEXTS[2])] == ["new", "cat", None]
    assert again.encoder.encoded == []


def test_vectors_of_texts_that_are_gone_are_forgotten_at_a_start(process):
    first = process()
    for text in ("A comet.", "A comet and its tail."):
        first.indexes.put(Document("new", "", text))
    table = process().indexes.vectors._table
    first, last = table.of("f" * 64, ["A comet.", "A comet and its tail."])
    assert first is None
    assert last is not None


def test_changes_that_a_new_encoder_does_not_know_are_encoded_in_the_background(process):
    process().indexes.put(COMET)
    other = FakeEncoder(digest="0" * 64)
    later = process(other)
    wait_until(lambda: later.first(COMET.content) == "new")
    assert later.indexes.vectors.n_left == 0
    assert COMET.content in other.encoded
    assert process(FakeEncoder(digest="0" * 64)).encoder.encoded == []


def test_dropped_changes_give_the_corpus_back(process):
    one = process()
    one.indexes.put(COMET)
    one.indexes.delete("dog")
    one.indexes.drop_changes()
    one.indexes.follow()
    assert (one.first(TEXTS[2]), one.first(COMET.content)) == ("dog", None)


def test_a_document_that_cannot_be_encoded_is_found_by_its_words(process, caplog):
    class Failing(FakeEncoder):
        def encode(self, texts, kind="document"):
            raise RuntimeError("out of memory")

    one = process(Failing())
    one.indexes.put(COMET)
    assert ids(one.engine, "comet") == ["new"]
    wait_until(lambda: one.indexes.vectors.n_left == 0)
    assert one.now().cosines(KNOWN.vectors[0], ["new", "moon"]) == [0.0, pytest.approx(1.0, abs=1e-3)]
    assert one.now().in_corpus_order(["new", "moon"]) == ["moon", "new"]
    assert "Document new cannot be encoded; it is found by its words alone" in caplog.text


def test_encoders_that_no_version_uses_any_more_encode_no_further_documents(process):
    one = process()
    encoder, one.now = one.encoder, None
    gc.collect()
    one.indexes.put(COMET)
    assert encoder.encoded == []


def test_searches_go_on_while_documents_come_and_go(process):
    one, stop, faults = process(), threading.Event(), []
    index = one.now()

    def search():
        while not stop.is_set():
            try:
                entries = index.nearest(KNOWN.vectors[0], 10)
                doc_ids = index.in_corpus_order([entry.doc_id for entry in entries])
                index.cosines(KNOWN.vectors[0], doc_ids)
                index.spread(KNOWN.vectors[0])
            except Exception as fault:
                faults.append(fault)

    searching = threading.Thread(target=search)
    searching.start()
    for number in range(5):
        one.indexes.put(Document(f"new{number % 2}", "", f"A comet {number}."))
        one.indexes.delete(f"new{number % 2}")
    stop.set()
    searching.join()
    assert faults == []


def test_documents_are_encoded_from_their_source_after_the_corpus_was_released(tmp_path, opened):
    data = tmp_path / "documents.jsonl"
    data.write_text('{"_id": "a", "text": "delete a tree"}\n{"_id": "b", "text": "a folder"}\n', encoding="utf-8")
    indexes = opened(load_corpus(str(data)))
    engine = indexes.open(english())
    indexes.forget_corpus()
    later = Process(indexes, known=KnownVectors(np.empty(0, dtype=np.uint64), np.empty((0, 8), dtype=np.float32)))
    assert later.first("a folder") == "b"
    del engine


def test_an_overlay_is_the_index_of_the_changed_documents():
    """Nearest documents, ties, cosines and spread against an index that was made of the changed corpus."""
    draw = np.random.default_rng(4)
    vectors = draw.normal(size=(40, 6)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[33] = vectors[2]
    base = ExactIndex([f"d{i}" for i in range(30)], vectors[:30])
    changed = {f"d{i}": ChangedDocument(100 + i, None) for i in range(4, 20)}  # deleted
    changed |= {"d20": ChangedDocument(1, vectors[30]), "z": ChangedDocument(2, vectors[31])}
    changed |= {"a": ChangedDocument(3, vectors[33]), "late": ChangedDocument(9, None)}
    overlay = OverlayIndex(base, changed)
    doc_ids = [*(f"d{i}" for i in (*range(4), *range(20, 30))), "z", "a"]
    rows = [*range(4), 30, *range(21, 30), 31, 33]
    whole = ExactIndex(doc_ids, vectors[rows])
    assert len(overlay) == len(whole)
    assert [each in overlay for each in ("d4", "d20", "z", "late", "d0", "?")] == [
        False,
        True,
        True,
        False,
        True,
        False,
    ]
    for query in (*vectors[:5], *vectors[30:35]):
        for n in (1, 3, 12, 50):
            assert overlay.nearest(query, n) == whole.nearest(query, n)
        assert overlay.cosines(query, doc_ids) == whole.cosines(query, doc_ids)
        assert overlay.cosines(query, ["d4", "late", "?"]) == [0.0] * 3
        assert overlay.spread(query) == pytest.approx(whole.spread(query), abs=1e-5)
    assert overlay.in_corpus_order(["?", "late", "a", "z", "d20", "d1"]) == ["d1", "d20", "z", "a", "late", "?"]
    assert OverlayIndex(base, {}).spread(vectors[0]) == base.spread(vectors[0])
