"""Encoded documents: each text once, also after an interruption."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from untilclick.search.engines.vectors.encoded_documents import PIECE, encode_documents, text_hashes, vector_folder
from untilclick.search.errors import EngineError
from untilclick.search.records import Document

from tests.fake_encoder import FakeEncoder

MANY = [Document(f"d{i}", f"Title {i}", f"text number {i}") for i in range(2 * PIECE + 10)]
ROOT = Path(__file__).parents[4]


def test_each_document_has_the_vector_of_its_title_and_text(toy_corpus, tmp_path):
    encoded = encode_documents(toy_corpus.documents, FakeEncoder(), tmp_path)
    expected = FakeEncoder().encode([document.content for document in toy_corpus.documents])
    assert np.abs(encoded.matrix() - expected).max() < 5e-4  # float16
    assert (encoded.n_encoded, encoded.n_cut) == (10, 0)
    assert encoded.matrix().dtype == np.float32


def test_documents_are_encoded_once(toy_corpus, tmp_path):
    first = encode_documents(toy_corpus.documents, FakeEncoder(), tmp_path)
    encoder = FakeEncoder()
    again = encode_documents(toy_corpus.documents[::-1], encoder, tmp_path)
    assert encoder.encoded == []
    assert again.n_encoded == 0
    assert np.array_equal(again.matrix(), first.matrix()[::-1])


def test_an_edited_document_is_encoded_alone(toy_corpus, tmp_path):
    encode_documents(toy_corpus.documents, FakeEncoder(), tmp_path)
    edited = [replace(d, text="Leaves.") if d.doc_id == "tea" else d for d in toy_corpus.documents]
    encoder = FakeEncoder()
    encoded = encode_documents([*edited, MANY[0]], encoder, tmp_path)
    assert encoder.encoded == ["Green tea Leaves.", MANY[0].content]
    assert encoded.n_encoded == 2


def test_equal_texts_share_a_row(tmp_path):
    documents = [Document("a", "", "tea"), Document("b", "", "milk"), Document("c", "", "tea")]
    encoder = FakeEncoder()
    encoded = encode_documents(documents, encoder, tmp_path)
    assert encoder.encoded == ["tea", "milk"]
    assert encoded.rows.tolist() == [0, 1, 0]


def test_an_encoder_has_files_of_its_own(toy_corpus, tmp_path):
    encode_documents(toy_corpus.documents, FakeEncoder(), tmp_path)
    other = FakeEncoder(digest="0" * 64)
    encode_documents(toy_corpus.documents, other, tmp_path)
    assert len(other.encoded) == 10
    names = {path.name for path in tmp_path.iterdir() if path.suffix == ".npy"}
    assert names == {f"vectors-{digit * 16}{part}.npy" for digit in "f0" for part in ("", ".keys")}


def test_rows_are_in_corpus_order_and_mapped(tmp_path):
    encoded = encode_documents(MANY, FakeEncoder(), tmp_path)
    assert encoded.rows.tolist() == list(range(len(MANY)))
    assert isinstance(encoded.vectors.base, np.memmap)
    assert encoded.vectors.dtype == np.float16


def test_progress_is_reported_after_each_piece(tmp_path):
    encode_documents(MANY[:5], FakeEncoder(), tmp_path)
    reports: list[tuple[int, int]] = []
    encode_documents(MANY, FakeEncoder(), tmp_path, lambda done, total: reports.append((done, total)))
    n = len(MANY) - 5
    assert reports == [(PIECE, n), (2 * PIECE, n), (n, n)]


def test_what_was_encoded_before_an_interruption_is_not_encoded_again(tmp_path):
    def interrupt(done, total):
        if done == 2 * PIECE:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encode_documents(MANY, FakeEncoder(), tmp_path, interrupt)
    encoder = FakeEncoder()
    encoded = encode_documents(MANY, encoder, tmp_path)
    assert encoder.encoded == [document.content for document in MANY[2 * PIECE :]]
    expected = FakeEncoder().encode([document.content for document in MANY])
    assert np.abs(encoded.matrix() - expected).max() < 5e-4


KILLED = """
import os, signal, sys
from pathlib import Path
from untilclick.search.engines.vectors import growing_array
from untilclick.search.engines.vectors.encoded_documents import PIECE, encode_documents
from untilclick.search.records import Document
from tests.fake_encoder import FakeEncoder
documents = [Document(f"d{i}", f"Title {i}", f"text number {i}") for i in range(2 * PIECE + 10)]
append, calls = growing_array.append, []
def dies(path, start, rows):
    append(path, start, rows)
    calls.append(path)
    if len(calls) == 3:  # the vectors of the second piece are written, their keys are not
        os.kill(os.getpid(), signal.SIGKILL)
growing_array.append = dies
encode_documents(documents, FakeEncoder(), Path(sys.argv[1]))
"""


def test_a_killed_process_loses_one_piece(tmp_path):
    command = [sys.executable, "-W", "ignore", "-c", KILLED, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False)
    assert done.returncode == -signal.SIGKILL
    encoder = FakeEncoder()
    encoded = encode_documents(MANY, encoder, tmp_path)
    assert encoder.encoded == [document.content for document in MANY[PIECE:]]
    expected = FakeEncoder().encode([document.content for document in MANY])
    assert np.abs(encoded.matrix() - expected).max() < 5e-4


def test_long_documents_are_counted(tmp_path, caplog):
    documents = [Document("long", "", "word " * 21), Document("short", "", "word")]
    with caplog.at_level("INFO", logger="untilclick"):
        encoded = encode_documents(documents, FakeEncoder(), tmp_path)
    assert encoded.n_cut == 1
    assert "1 of 2 documents are longer than the 20 tokens that fake reads" in caplog.text


def test_no_documents_and_documents_without_text(tmp_path):
    assert encode_documents([], FakeEncoder(), tmp_path).matrix().shape == (0, 8)
    assert list(tmp_path.iterdir()) == []
    assert not encode_documents([Document("a", "", "")], FakeEncoder(), tmp_path).matrix().any()


def test_files_of_another_shape_are_named(toy_corpus, tmp_path):
    encode_documents(toy_corpus.documents, FakeEncoder(), tmp_path)
    wider = FakeEncoder(lambda text: np.ones(12))
    with pytest.raises(EngineError, match=r"has the shape \(10, 8\), expected 10 x 12\. Delete it"):
        encode_documents(toy_corpus.documents, wider, tmp_path)


def test_a_folder_that_cannot_be_written_is_named(toy_corpus, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EngineError, match="encoded documents cannot be kept"):
        encode_documents(toy_corpus.documents, FakeEncoder(), tmp_path / "file")


def test_hashes_tell_texts_apart():
    texts = ["", "a", "b", "\ud800", *(str(i) for i in range(1000))]
    assert len(set(text_hashes(texts).tolist())) == len(texts)
    assert np.array_equal(text_hashes(["a"]), text_hashes(texts)[1:2])


def test_vectors_lie_beside_the_index_or_in_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("UNTILCLICK_CACHE", str(tmp_path))
    assert vector_folder(Path("index")) == Path("index")
    assert vector_folder(None) == tmp_path / "vectors"
