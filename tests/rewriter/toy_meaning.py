"""The toy world with a sentence encoder that knows its themes by the beginnings of words: `ovens` is near the
kitchen, though no document says it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.engines.vectors.encoded_corpus import EncodedCorpus

from tests.fake_encoder import FakeEncoder, of_hash
from tests.rewriter.toy_learning import THEMES

DIMENSION = len(THEMES) + 2


def vector_of(text: str) -> np.ndarray:
    """How many words of each theme a text has, by their first four letters, and two numbers of its own."""
    beginnings = [word[:4] for word in text.lower().split()]
    counts = [sum(word[:4] in beginnings for word in words.split()) for words in THEMES.values()]
    return np.array([*counts, *0.1 * of_hash(text)[:2]])


def toy_encoder(digest: str = "f" * 64) -> FakeEncoder:
    return FakeEncoder(vector_of, digest)


def encoded_toys(opened: OpenedCollection, folder: Path, encoder: FakeEncoder | None = None) -> OpenedCollection:
    """The collection with its documents as vectors."""
    documents = opened.collection.corpus.documents
    return opened.with_vectors(EncodedCorpus.of(documents, encoder or toy_encoder(), folder))
