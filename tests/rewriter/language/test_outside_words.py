"""Which words that no document holds a policy reads, and where their embeddings start."""

from __future__ import annotations

import numpy as np

from untilclick.rewriter.language.outside_words import OutsideWord, common_words, start_vectors, typed_words
from untilclick.rewriter.language.vocabulary import SPECIAL_TOKENS, TermVocabulary
from untilclick.search.analysis.by_name import analysis_by_name, english
from untilclick.search.records import Click, Document, Session, Turn
from untilclick.search.text.spelling import SpellingCorrector
from untilclick.search.text.term_index import TermIndex

from tests.fake_encoder import FakeEncoder

INDEX = TermIndex.from_documents([Document("1", "Cleaners", "a vacuum cleaner and its invoice")])
KNOWN = SpellingCorrector.from_index(INDEX)


def _session(visitor: str | None, *queries: str, clicked: bool = True) -> Session:
    click = (Click("q", "1", 1, 2.0),) if clicked else ()
    turns = tuple(Turn("q", step, query, None, ("1",), click, 1.0) for step, query in enumerate(queries))
    return Session(f"{visitor} {queries}", "live", turns, visitor)


def test_common_words_are_frequent_and_no_document_holds_them():
    words = common_words(english(), KNOWN, 200)
    assert len({word.term for word in words}) == 200
    assert words[:3] == common_words(english(), KNOWN, 3)
    assert all(not KNOWN.is_known(word.text) for word in words)
    assert all(english().term_of(word.text) == word.term for word in words)
    assert {"contact", "price", "house"} <= {word.text for word in words}


def test_other_languages_have_no_common_words():
    assert common_words(analysis_by_name("2-de"), KNOWN, 200) == []


def test_typed_words_have_three_visitors_who_clicked():
    sessions = [
        *(_session(visitor, "Hoovers", "vacuum cleaner") for visitor in "abc"),
        _session("a", "hoover the floor"),
        *(_session("a", "zorgel") for _ in range(5)),
        *(_session(None, "blimda") for _ in range(5)),
        *(_session(visitor, "frusk", clicked=False) for visitor in "abc"),
        *(_session(visitor, "the bill") for visitor in "abc"),
    ]
    words = typed_words(sessions, english(), KNOWN)
    assert words == [OutsideWord("bill", "bill"), OutsideWord("hoover", "hoovers")]
    assert typed_words(sessions[::-1], english(), KNOWN) == words


def test_the_form_of_one_visitor_is_not_kept():
    common = [_session(visitor, "hoover") for visitor in "abc"]
    often = [_session("d", "hoovers") for _ in range(9)]
    assert typed_words([*often, *common], english(), KNOWN) == [OutsideWord("hoover", "hoover")]
    assert typed_words([*often, *common[:2]], english(), KNOWN) == []


TERMS = tuple(f"t{number}" for number in range(40))
VOCABULARY = TermVocabulary(TERMS, TERMS, (1,) * len(TERMS))
NEW = [OutsideWord("hoover", "hoover"), OutsideWord("bill", "bill")]


def test_without_an_encoder_words_start_as_the_mean_of_all_terms():
    embedding = np.random.default_rng(0).normal(size=(len(VOCABULARY), 6)).astype(np.float32)
    vectors = start_vectors(NEW, VOCABULARY, embedding, None)
    assert np.allclose(vectors, embedding[len(SPECIAL_TOKENS) :].mean(axis=0))


def test_the_encoder_places_a_word_where_terms_of_such_a_meaning_are():
    encoder = FakeEncoder()
    mapping = 100 * np.random.default_rng(0).normal(size=(8, 6))
    embedding = np.zeros((len(VOCABULARY), 6), dtype=np.float32)
    embedding[len(SPECIAL_TOKENS) :] = encoder.encode(TERMS) @ mapping
    vectors = start_vectors(NEW, VOCABULARY, embedding, encoder)
    wanted = encoder.encode(["hoover", "bill"]) @ mapping  # (2, 6)
    cosines = (vectors * wanted).sum(axis=1) / np.linalg.norm(vectors, axis=1) / np.linalg.norm(wanted, axis=1)
    assert cosines.min() > 0.9


def test_a_vocabulary_without_terms_gives_zeros():
    embedding = np.ones((len(SPECIAL_TOKENS), 6), dtype=np.float32)
    assert not start_vectors(NEW, TermVocabulary((), (), ()), embedding, None).any()
