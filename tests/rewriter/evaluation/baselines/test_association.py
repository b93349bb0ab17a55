"""Word associations of three training topics, computed by hand, and their use on the toy corpus."""

import numpy as np
import pytest

from untilclick.rewriter.evaluation.baselines.association import (
    Association,
    AssociationSettings,
    WordAssociations,
    association_of,
)
from untilclick.rewriter.evaluation.systems import TypedTopic
from untilclick.rewriter.language.tfidf import document_vectors
from untilclick.search.records import Document, Topic, WeightedQuery
from untilclick.search.text.term_index import TermIndex

from tests.rewriter.toy_engine import TOPICS, ToyEngine

INDEX = TermIndex.from_documents((Document("d0", "", "cat"), Document("d1", "", "dog"), Document("d2", "", "fish")))
VECTORS = document_vectors(INDEX)
"""Each document is the unit vector of its only word."""

TRAINING = (
    Topic("a", "pet food", {"d0": 3, "d1": 1}),
    Topic("b", "pet", {"d1": 1}),
    Topic("c", "swims", {"d2": 1}),
)
LEARNED = WordAssociations.estimate(TRAINING, INDEX, VECTORS)
CAT, DOG, FISH = (INDEX.term_ids[term] for term in ("cat", "dog", "fish"))

ENGINE = ToyEngine()
TYPED = [TypedTopic(topic, topic.query) for topic in TOPICS]


def strength(query):
    return LEARNED.strengths([query]).toarray()[0, [CAT, DOG, FISH]]


def test_strength_is_the_smoothed_probability_above_the_prior():
    """P(cat, dog, fish | topic): a (.75, .25, 0), b (0, 1, 0), c (0, 0, 1); prior (.25, 1.25 / 3, 1 / 3).

    `pet` is in two topics: P(cat | pet) = (.75 + .5 x .25) / 2.5 = .35, P(dog | pet) = (1.25 + .5 x 1.25 / 3) / 2.5.
    """
    assert strength("pet") == pytest.approx([0.35 - 0.25, (1.25 + 0.625 / 3) / 2.5 - 1.25 / 3, 0.0])
    assert strength("food")[0] == pytest.approx((0.75 + 0.5 * 0.25) / 1.5 - 0.25)


def test_strengths_of_several_words_add_up_and_unknown_words_add_nothing():
    assert strength("food for a pet or an ocelot") == pytest.approx(strength("food") + strength("pet"))
    assert not strength("ocelot").any()


def test_a_word_that_no_document_has_brings_words_that_some_have():
    """The strongest case for learning from judgments: `swims` alone finds nothing."""
    system = Association(INDEX, LEARNED, AssociationSettings(n_terms=5, original_weight=0.4))
    topic = Topic("t", "Swims?", {})
    assert system([TypedTopic(topic, topic.query)])[0].query.clauses == (
        ("Swims?", pytest.approx(0.4)),
        ("fish", pytest.approx(0.6)),
    )


def test_the_added_words_share_their_weight_by_strength():
    system = Association(INDEX, LEARNED, AssociationSettings(n_terms=2, original_weight=0.5))
    (_, *added) = system([TypedTopic(TRAINING[1], "pet")])[0].query.clauses
    cat, dog = 0.1, (1.25 + 0.625 / 3) / 2.5 - 1.25 / 3
    assert added == [("dog", pytest.approx(0.5 * dog / (cat + dog))), ("cat", pytest.approx(0.5 * cat / (cat + dog)))]


def test_unknown_words_are_searched_as_typed():
    assert Association(INDEX, LEARNED)([TypedTopic(TRAINING[0], "ocelot")])[0].query == WeightedQuery.of("ocelot")


def test_no_training_topics_associate_nothing():
    nothing = WordAssociations.estimate([], INDEX, VECTORS)
    assert not nothing.strengths(["pet"]).toarray().any()


def test_topics_without_a_document_of_the_corpus_associate_nothing():
    lost = WordAssociations.estimate([Topic("t", "pet", {"elsewhere": 1})], INDEX, VECTORS)
    assert not lost.strengths(["pet"]).toarray().any()


def test_parameters_are_chosen_on_topics_that_the_estimate_has_not_seen_and_all_are_used_in_the_end():
    vectors = document_vectors(ENGINE.index)
    seen = []

    class Watched(ToyEngine):
        def search(self, queries, k):
            seen.extend(queries)
            return super().search(queries, k)

    system = association_of(TYPED, ENGINE.index, vectors, Watched(), most=200)
    assert seen
    assert all(query == WeightedQuery.of("sort list") for query in seen)
    assert system.associations.word_ids.keys() >= {"sort", "timestamp", "opn"}
    assert ENGINE.search([system([TYPED[4]])[0].query], 1)[0][0].doc_id == "d2"


def test_the_product_stays_sparse():
    topics = [Topic(str(i), f"word{i}x", {TOPICS[i % 4].topic_id.replace("t", "d"): 1}) for i in range(2_000)]
    many = WordAssociations.estimate(topics, ENGINE.index, document_vectors(ENGINE.index))
    assert many.topics_of_word.nnz == 2_000
    assert many.strengths([topic.query for topic in topics]).nnz <= 2_000 * np.diff(ENGINE.index.counts.indptr).max()
