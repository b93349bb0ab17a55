"""One thread for all small models, and the toy world of `toy_learning.py` built once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from rewriter.scorer import CorpusScorer
from rewriter.vocabulary import TermVocabulary
from rewriter.workbench import Workbench
from search.engines.tantivy_engine import TantivyEngine
from tests.rewriter.toy_learning import toy_policy, toy_workbench


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Models this small only lose time to threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def bench() -> Workbench:
    return toy_workbench()


@pytest.fixture(scope="session")
def engine(bench) -> TantivyEngine:
    return TantivyEngine.open(bench.collection.corpus)


@pytest.fixture(scope="session")
def vocabulary(bench) -> TermVocabulary:
    return toy_policy(bench)[1]


@pytest.fixture(scope="session")
def scorer(bench, vocabulary) -> CorpusScorer:
    return bench.scorer(vocabulary)
