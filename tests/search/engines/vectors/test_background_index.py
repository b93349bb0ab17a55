"""Documents that are encoded in the background, and indexes that versions share."""

import gc
import threading

import numpy as np
import pytest

from untilclick.search.engines.vectors import background_encoder, background_index
from untilclick.search.engines.vectors.background_index import BackgroundIndex
from untilclick.search.engines.vectors.document_vectors import KnownVectors
from untilclick.search.engines.vectors.encoded_documents import encode_documents, text_hashes
from untilclick.search.engines.vectors.shared_vectors import SharedVectors
from untilclick.search.errors import EngineError
from untilclick.search.records import Document

from tests.app.stand_ins import wait_until
from tests.fake_encoder import FakeEncoder

DOCUMENTS = [Document(f"d{i}", "", f"text {i}") for i in range(9)]
IDS = [document.doc_id for document in DOCUMENTS]
QUERY = FakeEncoder().encode(["a query"])[0]
COSINES = FakeEncoder().encode([document.content for document in DOCUMENTS]) @ QUERY


def known(documents):
    texts = [document.content for document in documents]
    return KnownVectors(text_hashes(texts), FakeEncoder().encode(texts))


@pytest.fixture
def opened():
    """Opens indexes that are closed after the test."""
    indexes = []

    def make(*args):
        indexes.append(BackgroundIndex(*args))
        return indexes[-1]

    yield make
    for index in indexes:
        index.close()


class SlowEncoder(FakeEncoder):
    """An encoder that waits to be let go on."""

    def __init__(self):
        super().__init__()
        self.go_on = threading.Event()

    def encode(self, texts, kind="document"):
        self.go_on.wait(30)
        return super().encode(texts, kind)


def test_known_vectors_are_there_at_once_and_nothing_is_encoded(opened, tmp_path, monkeypatch):
    monkeypatch.setattr(background_index, "PATIENCE_S", 60.0)
    encoder = FakeEncoder()
    index = opened(lambda: DOCUMENTS, encoder, known(DOCUMENTS), tmp_path).now()
    assert index.cosines(QUERY, IDS) == pytest.approx(COSINES.tolist(), abs=1e-3)
    assert encoder.encoded == []


def test_unknown_ones_are_encoded_while_searches_go_on(opened, tmp_path, caplog):
    caplog.set_level("INFO")
    encoder = SlowEncoder()
    index = opened(lambda: DOCUMENTS, encoder, known(DOCUMENTS[:4]), tmp_path)
    assert index.now() is None
    assert index.n_left > 0
    encoder.go_on.set()
    wait_until(lambda: index.now() is not None)
    assert sorted(encoder.encoded) == [document.content for document in DOCUMENTS[4:]]
    assert index.now().cosines(QUERY, IDS) == pytest.approx(COSINES.tolist(), abs=1e-3)
    wait_until(lambda: "All documents are encoded" in caplog.text)
    again = FakeEncoder()
    assert len(opened(lambda: DOCUMENTS, again, known([]), tmp_path).now()) == len(DOCUMENTS)
    assert again.encoded == []


def test_where_nothing_can_be_written_vectors_stay_in_memory(opened, tmp_path, caplog):
    (tmp_path / "file").write_text("")
    index = opened(lambda: DOCUMENTS, FakeEncoder(), known(DOCUMENTS[:4]), tmp_path / "file" / "folder")
    wait_until(lambda: index.now() is not None)
    assert index.now().cosines(QUERY, IDS) == pytest.approx(COSINES.tolist(), abs=1e-3)
    assert "kept in memory alone" in caplog.text


def test_damaged_vectors_on_disk_do_not_stop_a_service(opened, tmp_path, caplog):
    encode_documents(DOCUMENTS, FakeEncoder(), tmp_path)
    for path in tmp_path.glob("*.npy"):
        path.write_bytes(b"no array")
    index = opened(lambda: DOCUMENTS, FakeEncoder(), known([]), tmp_path)
    wait_until(lambda: index.now() is not None)
    assert len(index.now()) == len(DOCUMENTS)
    assert "is not an array" in caplog.text


def test_an_encoder_that_fails_leaves_the_words(opened, tmp_path, caplog):
    class Failing(FakeEncoder):
        def encode(self, texts, kind="document"):
            raise RuntimeError("out of memory")

    index = opened(lambda: DOCUMENTS, Failing(), known([]), tmp_path)
    wait_until(lambda: "queries are searched as typed" in caplog.text)
    assert index.now() is None


def test_documents_that_are_gone_leave_the_words(opened, tmp_path, caplog):
    def gone():
        raise EngineError("shop.jsonl was edited")

    index = opened(gone, FakeEncoder(), known([]), tmp_path)
    wait_until(lambda: "shop.jsonl was edited" in caplog.text)
    assert index.now() is None


def test_the_end_of_a_process_interrupts(tmp_path, monkeypatch, caplog):
    caplog.set_level("INFO")
    monkeypatch.setattr(background_encoder, "CHUNK", 1)
    encoder = SlowEncoder()
    index = BackgroundIndex(lambda: DOCUMENTS, encoder, known([]), tmp_path)
    threading.Timer(0.1, encoder.go_on.set).start()
    index.close()
    assert index.now() is None
    assert "is interrupted" in caplog.text


def test_versions_share_an_index_and_the_last_one_releases_it(tmp_path):
    shared = SharedVectors(lambda: DOCUMENTS, tmp_path)
    first, second = (shared(FakeEncoder(), known(part)) for part in (DOCUMENTS, []))
    wait_until(lambda: first() is not None)
    assert first() is second()
    other = shared(FakeEncoder(lambda text: np.ones(3), "0" * 64), KnownVectors(np.empty(0, "u8"), np.empty((0, 3))))
    wait_until(lambda: other() is not None)
    assert other() is not first()
    assert shared.n_left == 0
    first = second = other = None
    gc.collect()
    assert list(shared._indexes) == []
