"""BM25 with chosen parameters on the toy corpus."""

import logging

import pytest

from untilclick.rewriter.evaluation.baselines import tuned_bm25 as module
from untilclick.rewriter.evaluation.baselines.simple import Bm25
from untilclick.rewriter.evaluation.baselines.tuned_bm25 import (
    BM25_GRID,
    Bm25Parameters,
    choose_parameters,
    tuned_bm25,
)
from untilclick.rewriter.evaluation.systems import TypedTopic
from untilclick.search.engines.rank_bm25_engine import RankBm25Engine
from untilclick.search.records import Corpus, Document, Topic, WeightedQuery
from untilclick.search.text.term_index import TermIndex

LONG = "sort " * 4 + "filler words that make this document a long one about many other things " * 3
CORPUS = Corpus(
    "toy",
    (
        Document("long", "", LONG),
        Document("short", "", "sort a list"),
        *(Document(f"d{i}", "", f"other{i} text of {i} words") for i in range(8)),
    ),
    "0" * 16,
)
INDEX = TermIndex.build(CORPUS)
ASIDE = TermIndex.of_aside(CORPUS.documents, INDEX.analysis)


def typed(relevant):
    return [TypedTopic(Topic("t", "sort", {relevant: 1}), "sort")]


@pytest.mark.parametrize("relevant", ["long", "short"])
def test_the_chosen_parameters_put_the_relevant_document_first(relevant):
    """A long document has the word four times, a short one once: k1 and b decide which of them comes first."""
    chosen = choose_parameters(CORPUS, INDEX, typed(relevant))
    engine = RankBm25Engine(CORPUS, k1=chosen.k1, b=chosen.b)
    assert engine.search([WeightedQuery.of("sort")], 1)[0][0].doc_id == relevant


def test_the_quick_ranking_of_the_choice_is_that_of_the_engine():
    topics = typed("short")
    for parameters in BM25_GRID:
        quick = module._rankings(INDEX, lambda: ASIDE, topics, parameters)
        slow = RankBm25Engine(CORPUS, k1=parameters.k1, b=parameters.b).search([WeightedQuery.of("sort")], 10)
        assert [hit.doc_id for hit in quick[0]] == [hit.doc_id for hit in slow[0]]


def test_the_first_of_equal_parameters_is_chosen_and_the_default_without_topics():
    assert choose_parameters(CORPUS, INDEX, typed("d0")) == BM25_GRID[0]
    assert choose_parameters(CORPUS, INDEX, []) == Bm25Parameters()


def test_the_system_brings_its_own_engine_for_queries_as_typed():
    system = tuned_bm25(CORPUS, INDEX, typed("long"))
    assert system(typed("long")) == Bm25()(typed("long"))
    assert system.engine.search([WeightedQuery.of("sort")], 1)[0][0].doc_id == "long"
    assert system.settings in BM25_GRID


def test_large_corpora_and_collections_without_training_topics_go_without(monkeypatch, caplog):
    with caplog.at_level(logging.INFO):
        assert tuned_bm25(CORPUS, INDEX, []) is None
        monkeypatch.setattr(module, "MAX_DOCUMENTS", 9)
        assert tuned_bm25(CORPUS, INDEX, typed("long")) is None
    assert "no training topics to choose k1 and b on" in caplog.text
    assert "the corpus has 10 documents, more than 9" in caplog.text
