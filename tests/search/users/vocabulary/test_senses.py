"""The choice of senses by the latent semantics of a corpus."""

import numpy as np
import pytest

from untilclick.search.corpora.load import corpus_of
from untilclick.search.records import Document
from untilclick.search.text.document_vectors import unit_tf_idf
from untilclick.search.text.term_index import TermIndex
from untilclick.search.text.wordnet.sense_table import shipped_senses
from untilclick.search.users.vocabulary import senses
from untilclick.search.users.vocabulary.concepts import Concept
from untilclick.search.users.vocabulary.senses import LatentSemantics, SenseChooser

from tests.search.users.vocabulary.vocabulary_corpus import themed_corpus


@pytest.fixture(scope="module")
def semantics():
    return LatentSemantics(TermIndex.build(themed_corpus()))


@pytest.fixture(scope="module")
def chooser(semantics):
    return SenseChooser(semantics, shipped_senses())


def test_terms_have_unit_vectors_that_are_near_in_one_theme(semantics):
    kidney, urine, boat = semantics.vectors([semantics.term_id(word) for word in ("kidney", "urine", "boat")])
    assert np.linalg.norm(kidney) == pytest.approx(1.0)
    assert kidney @ urine > kidney @ boat
    assert semantics.term_id("banana") is None
    assert semantics.term_id("the") is None


def test_the_vectors_are_those_of_a_singular_value_decomposition(semantics):
    weights = unit_tf_idf(semantics.index.counts).toarray()
    _, values, terms = np.linalg.svd(weights, full_matrices=False)
    n = semantics.vectors([0]).shape[1]
    expected = terms[:n].T * values[:n]
    expected /= np.maximum(np.linalg.norm(expected, axis=1, keepdims=True), 1e-9)
    vectors = semantics.vectors(range(len(expected)))
    assert vectors @ vectors.T == pytest.approx(expected @ expected.T, abs=1e-6)


def test_a_term_that_no_document_read_has_is_near_to_none(monkeypatch):
    monkeypatch.setattr(senses, "DOCUMENTS", 20)
    first, *others = themed_corpus().documents
    documents = [first, Document("unread", "", "zeppelin"), *others]  # every second one is read, or fewer
    semantics = LatentSemantics(TermIndex.build(corpus_of("themed", documents)))
    zeppelin, kidney = semantics.vectors([semantics.term_id(word) for word in ("zeppelin", "kidney")])
    assert not zeppelin.any()
    assert np.linalg.norm(kidney) == pytest.approx(1.0)


def test_the_sense_that_fits_the_corpus_is_chosen(chooser):
    file = chooser.choose(Concept("file", "n"))
    assert "records" in shipped_senses().definition(file.synset)
    excrete = chooser.choose(Concept("excrete", "v"))
    assert "body" in shipped_senses().definition(excrete.synset)
    assert excrete.fit > 1.0
    assert 0.4 < excrete.prob < 1.0


def test_a_sense_of_another_field_is_not_sure(chooser):
    """The only verb `sail` that fits the sea does; the noun `set` has 13 senses, none of which is told."""
    assert chooser.choose(Concept("set", "n")).prob < 0.4


def test_an_unknown_lemma_and_one_that_the_corpus_lacks_have_no_sense(chooser):
    assert chooser.choose(Concept("frobnicate", "v")) is None
    assert chooser.choose(Concept("banana", "n")) is None
