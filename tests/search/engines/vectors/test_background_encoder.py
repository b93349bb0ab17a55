"""A copy of an encoder for the background."""

import os
import sys
import threading

import numpy as np
import pytest

from untilclick.search.engines.vectors import background_encoder
from untilclick.search.engines.vectors.background_encoder import BackgroundEncoder, StoppedError
from untilclick.search.text.encoders.ctranslate2_encoder import CTranslate2Encoder

HAVE_LOWEST_PRIORITY = background_encoder.have_lowest_priority
TEXTS = ["a cat", "a long text about a cat and the moon", ""]


@pytest.fixture(autouse=True)
def _priority(monkeypatch):
    """The thread of the tests keeps its priority: it could not get it back."""
    monkeypatch.setattr(background_encoder, "have_lowest_priority", lambda: None)


def test_a_copy_gives_the_same_vectors_and_begins_with_the_first_text(tiny_encoder):
    begun = []
    copy = BackgroundEncoder(tiny_encoder, threading.Event(), lambda: begun.append("now"))
    assert (copy.card, begun) == (tiny_encoder.card, [])
    for _ in range(2):
        assert np.array_equal(copy.encode(TEXTS), tiny_encoder.encode(TEXTS))
    assert begun == ["now"]
    assert isinstance(copy._encoder, CTranslate2Encoder)
    assert copy._encoder is not tiny_encoder
    assert copy.n_cut(["word " * 99]) == 1


def test_an_encoder_whose_files_are_gone_works_itself(tiny_encoder, tmp_path, monkeypatch):
    monkeypatch.setattr(tiny_encoder, "folder", tmp_path)
    copy = BackgroundEncoder(tiny_encoder, threading.Event())
    assert np.array_equal(copy.encode(TEXTS), tiny_encoder.encode(TEXTS))
    assert copy._encoder is tiny_encoder


def test_nothing_is_encoded_after_the_stop(tiny_encoder):
    stop = threading.Event()
    stop.set()
    with pytest.raises(StoppedError):
        BackgroundEncoder(tiny_encoder, stop).encode(TEXTS)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux knows priorities of threads")
def test_the_thread_alone_gets_the_lowest_priority():
    priorities = []

    def work():
        HAVE_LOWEST_PRIORITY()
        priorities.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    before = os.getpriority(os.PRIO_PROCESS, 0)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert priorities == [background_encoder.NICENESS]
    assert os.getpriority(os.PRIO_PROCESS, 0) == before
