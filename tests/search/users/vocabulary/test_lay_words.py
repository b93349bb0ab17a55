"""The lay words of a corpus, their shares, and the file that keeps them."""

import logging
from dataclasses import replace

import pytest

from untilclick.search.analysis.by_name import analysis_by_name
from untilclick.search.corpora.load import corpus_of
from untilclick.search.records import Document
from untilclick.search.text.term_index import TermIndex
from untilclick.search.users.vocabulary.lay_words import (
    AGREEMENT,
    KEPT_FROM,
    LARGEST_SHARE,
    LayVocabulary,
    LayWord,
    NoVocabulary,
    agreement,
    lay_vocabulary,
    shares_of_names,
)

from tests.search.users.vocabulary.vocabulary_corpus import themed_corpus


def _vocabulary(corpus, cache=None):
    return lay_vocabulary(TermIndex.build(corpus), corpus, cache)


@pytest.fixture(scope="module")
def vocabulary():
    return _vocabulary(themed_corpus())


def test_a_concept_has_the_lay_word_of_its_sense(vocabulary):
    assert vocabulary.of("excrete") == (LayWord("eliminate", LARGEST_SHARE),)
    assert vocabulary.definitions[vocabulary.concepts["excrete"]] == ("eliminate", "body")


def test_names_of_code_and_unknown_words_have_none(vocabulary):
    for word in ("exec", "frobnicate", ""):
        assert vocabulary.of(word) == ()
        assert word not in vocabulary.concepts


def test_a_word_that_the_documents_use_for_the_concept_is_no_lay_word():
    corpus = themed_corpus(extra="They eliminate it.")
    assert all(word.text != "eliminate" for word in _vocabulary(corpus).of("excrete"))


def test_lay_words_are_lower_case_and_rarer_than_their_concept(vocabulary):
    index = TermIndex.build(themed_corpus())
    counts = dict(zip(index.terms, index.document_frequencies.tolist(), strict=True))
    assert vocabulary.lay_words
    for concept, words in vocabulary.lay_words.items():
        own = counts[index.analysis.term_of(concept.lemma)]
        for word in words:
            assert word.text == word.text.lower().strip()
            assert min(counts.get(term, 0) for term in index.analysis.terms(word.text)) < own
            assert word.text != concept.lemma


def test_the_same_documents_give_the_same_bytes(vocabulary):
    again = _vocabulary(themed_corpus())
    assert again.to_json().encode() == vocabulary.to_json().encode()
    assert LayVocabulary.from_json(vocabulary.to_json()) == vocabulary


def test_other_languages_and_few_documents_have_no_vocabulary(tmp_path):
    corpus = themed_corpus()
    german = TermIndex.build(corpus, analysis_by_name("2-de"))
    assert isinstance(lay_vocabulary(german, corpus, tmp_path), NoVocabulary)
    few = _vocabulary(themed_corpus(n=12))
    assert isinstance(few, NoVocabulary)
    assert few.of("excrete") == ()


@pytest.mark.parametrize(
    "texts",
    [["The physician can excrete a stone."] * 40, [""] * 40, ["kidney"] * 39 + [""], ["heals"] * 20 + ["sails"] * 20],
)
def test_documents_that_are_all_alike_have_no_lay_words(texts):
    """The singular value decomposition refuses a matrix without values."""
    corpus = corpus_of("alike", [Document(str(i), "", text) for i, text in enumerate(texts)])
    assert _vocabulary(corpus).lay_words == {}


def test_a_vocabulary_of_many_documents_is_kept_and_a_broken_file_made_again(tmp_path, caplog):
    corpus = themed_corpus(n=KEPT_FROM)
    vocabulary = _vocabulary(corpus, tmp_path)
    (path,) = tmp_path.iterdir()
    assert corpus.fingerprint in path.name
    path.write_text(
        '[{"lemma": "boat", "part": "n", "forms": ["boat"], "definition": [], "lay_words": [["ship", 0.2]]}]'
    )
    assert _vocabulary(corpus, tmp_path).of("boat") == (LayWord("ship", 0.2),)
    for broken in ("[", "[1]", "{}x", '[{"lemma": "boat"}]'):
        path.write_text(broken)
        with caplog.at_level(logging.WARNING):
            assert _vocabulary(corpus, tmp_path) == vocabulary
        assert str(path) in caplog.text
        caplog.clear()
    assert LayVocabulary.from_json(path.read_text(encoding="utf-8")) == vocabulary


def test_a_vocabulary_that_cannot_be_kept_is_given_all_the_same(tmp_path):
    (tmp_path / "file").write_text("")
    corpus = themed_corpus(n=KEPT_FROM)
    assert _vocabulary(corpus, tmp_path / "file").of("excrete")
    other = replace(corpus, fingerprint="0")
    assert lay_vocabulary(TermIndex.build(corpus), other, tmp_path).of("excrete")


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ([], ()),
        ([7.0], (0.35,)),
        ([1.0, 1.0], (1 / 3, 1 / 3)),
        ([5.0, 5.0, 5.0], (0.25, 0.25, 0.25)),
    ],
)
def test_shares_of_equally_frequent_names(weights, expected):
    assert shares_of_names(weights) == pytest.approx(expected)


@pytest.mark.parametrize(
    "weights", [[100.0, 1.0], [9.0, 3.0, 1.0], [50.0, 20.0, 10.0, 1.0], [80.0, 9.0, 4.0, 2.0, 1.0]]
)
def test_the_most_frequent_name_keeps_its_place_and_is_not_above_the_largest_share(weights):
    shares = shares_of_names(weights)
    assert list(shares) == sorted(shares, reverse=True)
    assert shares[0] <= LARGEST_SHARE + 1e-6
    assert sum(shares) == pytest.approx(min(LARGEST_SHARE * len(weights), len(weights) / (len(weights) + 1)))


@pytest.mark.parametrize("weights", [[80.0, 9.0, 4.0, 2.0, 1.0], [1.0] * 5, [30.0, 20.0, 9.0, 9.0, 5.0, 1.0]])
def test_two_people_seldom_agree_on_a_name_where_there_are_several(weights):
    assert agreement(shares_of_names(weights)) < AGREEMENT


def test_agreement_counts_the_documents_own_word():
    assert agreement([]) == 1.0
    assert agreement([0.35]) == pytest.approx(0.35**2 + 0.65**2)
