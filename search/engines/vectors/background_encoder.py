"""A copy of an encoder for work in the background, whose threads have the lowest priority.

Queries that are encoded at the same time by the encoder itself would otherwise wait behind whole documents.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Sequence

import numpy as np

from untilclick.search.errors import ModelError
from untilclick.search.text.encoders.encoder import Encoder, EncoderCard, TextKind, Vectors

CHUNK = 32
"""Texts between two looks whether the process ends. Encoding them takes about half a second."""
NICENESS = 19
"""Priority of the threads, the lowest."""


class StoppedError(Exception):
    """The process ends."""


class BackgroundEncoder:
    """A copy of an `Encoder`, loaded when the first text is encoded. It is used by one thread."""

    def __init__(self, encoder: Encoder, stop: threading.Event, begin: Callable[[], None] = lambda: None) -> None:
        """`begin` is called before the first text is encoded. After `stop` no more texts are."""
        self._encoder = encoder
        self._is_copy = False
        self._begin, self._stop = begin, stop

    @property
    def card(self) -> EncoderCard:
        """See `Encoder.card`."""
        return self._encoder.card

    def encode(self, texts: Sequence[str], kind: TextKind = "document") -> Vectors:
        """See `Encoder.encode`. Raises StoppedError if the process ends."""
        if not self._is_copy:
            self._begin()
            have_lowest_priority()
            self._encoder, self._is_copy = _copy_of(self._encoder), True
        vectors = [np.empty((0, self.card.dimension), dtype=np.float32)]
        for start in range(0, len(texts), CHUNK):
            if self._stop.is_set():
                raise StoppedError
            vectors.append(self._encoder.encode(texts[start : start + CHUNK], kind))
        return np.concatenate(vectors)

    def n_cut(self, texts: Sequence[str], kind: TextKind = "document") -> int:
        """See `Encoder.n_cut`."""
        return self._encoder.n_cut(texts, kind)


def _copy_of(encoder: Encoder) -> Encoder:
    """Another encoder from the same files, whose threads are children of this one; the encoder itself if its files
    are gone."""
    from untilclick.search.text.encoders.ctranslate2_encoder import CTranslate2Encoder  # noqa: PLC0415  takes .2 s

    if not isinstance(encoder, CTranslate2Encoder):
        return encoder
    try:
        return CTranslate2Encoder(encoder.folder)
    except ModelError:
        return encoder


def have_lowest_priority() -> None:
    """Give this thread, and those that it starts, the lowest priority. Only Linux knows priorities of threads."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
