"""One thread for all small models, and the toy world of `toy_learning.py` built once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from untilclick.rewriter.data.corpus_scorer import CorpusScorer
from untilclick.rewriter.language.language import TermLanguage
from untilclick.rewriter.language.vocabulary import TermVocabulary
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.engines.tantivy_engine import TantivyEngine

from tests.rewriter.toy_learning import toy_opened, toy_policy
from tests.rewriter.toy_trlx import make_world, starter


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Threads make models of this size slower."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def opened() -> OpenedCollection:
    return toy_opened()


@pytest.fixture(scope="session")
def engine(opened) -> TantivyEngine:
    return TantivyEngine.open(opened.collection.corpus)


@pytest.fixture(scope="session")
def vocabulary(opened) -> TermVocabulary:
    return toy_policy(opened)[1]


@pytest.fixture(scope="session")
def language(vocabulary) -> TermLanguage:
    return TermLanguage(vocabulary)


@pytest.fixture(scope="session")
def scorer(opened, vocabulary) -> CorpusScorer:
    return CorpusScorer.of(opened, vocabulary)


@pytest.fixture
def start(opened, tmp_path, monkeypatch) -> Callable:
    """A function that makes trainers in trlX, on a machine without launcher."""
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    return starter(opened, tmp_path)


@pytest.fixture(scope="session")
def world(tmp_path_factory) -> Path:
    """A folder with documents, a log and a trained warm start."""
    folder = tmp_path_factory.mktemp("world")
    make_world(folder)
    return folder
