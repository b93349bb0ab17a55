"""RM3 and Rocchio on small corpora."""

from math import log, sqrt

import pytest

from untilclick.rewriter.evaluation.baselines.feedback import Rm3, Rm3Settings, Rocchio, RocchioSettings
from untilclick.rewriter.evaluation.systems import TypedTopic
from untilclick.rewriter.language.tfidf import document_vectors
from untilclick.search.records import Document, Topic, WeightedQuery

from tests.rewriter.toy_engine import TOPICS, ToyEngine

ENGINE = ToyEngine()
TYPED = [TypedTopic(topic, topic.query) for topic in TOPICS]

PETS = ToyEngine((Document("d0", "", "cat dog"), Document("d1", "", "cat"), Document("d2", "", "fish fish")))
RARE, COMMON = log(3), log(3 / 2)
"""Inverse document frequencies: `dog` is in one of three documents, `cat` in two."""


def rocchio(query, **settings):
    system = Rocchio(PETS, PETS.index, document_vectors(PETS.index), RocchioSettings(**settings))
    return system([TypedTopic(Topic("t", query, {}), query)])[0].query


def test_rm3_gives_the_feedback_terms_their_share():
    clauses = Rm3(ENGINE, Rm3Settings(n_terms=3, original_weight=0.8))([TYPED[1]])[0].query.clauses
    assert clauses[0] == ("timestamp", pytest.approx(0.8))
    assert len(clauses) == 4
    assert sum(weight for _, weight in clauses[1:]) == pytest.approx(0.2)


def test_rm3_keeps_a_query_that_finds_nothing():
    assert Rm3(ENGINE)([TYPED[4]])[0].query == WeightedQuery.of("opne")


def test_rocchio_adds_the_mean_of_the_first_documents():
    """`cat` finds d0 and d1, whose unit vectors are (cat, dog) = (COMMON, RARE) / length and (1, 0)."""
    length = sqrt(COMMON**2 + RARE**2)
    assert rocchio("cat", beta=0.5).clauses == (
        ("cat", pytest.approx(1.0)),
        ("cat", pytest.approx(0.5 * (COMMON / length + 1) / 2, rel=1e-5)),
        ("dog", pytest.approx(0.5 * (RARE / length) / 2, rel=1e-5)),
    )


def test_rocchio_gives_a_query_of_several_words_unit_length():
    """Two words occur once and one twice. Unknown words count too: the length is sqrt(1 + 1 + 4)."""
    assert rocchio("cat unknown dog dog").clauses[0] == ("cat unknown dog dog", pytest.approx(1 / sqrt(6)))


def test_rocchio_keeps_the_heaviest_terms_of_the_first_documents_alone():
    """The shorter document d1 ranks first for `cat`; it does not contain `dog`."""
    assert [word for word, _ in rocchio("cat", n_documents=1).clauses] == ["cat", "cat"]
    assert [word for word, _ in rocchio("cat", n_terms=1).clauses] == ["cat", "cat"]


@pytest.mark.parametrize("query", ["unknown", "the", ""])
def test_rocchio_keeps_a_query_that_finds_nothing(query):
    assert rocchio(query) == WeightedQuery.of(query)
