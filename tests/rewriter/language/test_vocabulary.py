"""The term vocabulary: which terms, which ids, and files that do not hold one."""

from __future__ import annotations

import json

import pytest

from untilclick.rewriter.language.vocabulary import EOS_ID, PAD_ID, SPECIAL_TOKENS, UNK_ID, TermVocabulary
from untilclick.search.analysis.by_name import analysis_by_name, english
from untilclick.search.errors import ModelError
from untilclick.search.records import Document
from untilclick.search.text.term_index import TermIndex

term_of = english().term_of

INDEX = TermIndex.from_documents(
    [
        Document("1", "", "cats chase dogs"),
        Document("2", "", "cat and dog"),
        Document("3", "", "a cat sleeps"),
        Document("4", "", "zebra"),
    ]
)


def test_specials_come_first_and_terms_follow_in_alphabetical_order():
    vocabulary = TermVocabulary.from_index(INDEX, 1, 100)
    assert vocabulary.tokens[: len(SPECIAL_TOKENS)] == SPECIAL_TOKENS
    assert vocabulary.terms == ("cat", "chase", "dog", "sleep", "zebra")
    assert len(vocabulary) == 10
    assert (PAD_ID, EOS_ID) == (0, 1)


def test_rare_terms_stay_outside_and_of_too_many_the_most_frequent_win():
    assert TermVocabulary.from_index(INDEX, 2, 100).terms == ("cat", "dog")
    assert TermVocabulary.from_index(INDEX, 1, 1).terms == ("cat",)
    assert TermVocabulary.from_index(INDEX, 9, 100).terms == ()


def test_unknown_terms_encode_to_the_unknown_token():
    vocabulary = TermVocabulary.from_index(INDEX, 2, 100)
    assert vocabulary.encode(["dog", "zebra", "cat"]) == [6, UNK_ID, 5]


def test_surfaces_are_words_that_analyse_back_to_their_term():
    vocabulary = TermVocabulary.from_index(INDEX, 1, 100)
    assert [term_of(vocabulary.surface(i)) for i in range(5, 10)] == list(vocabulary.terms)
    with pytest.raises(IndexError, match="special"):
        vocabulary.surface(EOS_ID)


def test_index_columns_are_minus_1_for_specials_and_for_terms_of_another_corpus():
    vocabulary = TermVocabulary.from_index(INDEX, 1, 100)
    other = TermIndex.from_documents([Document("1", "", "zebra cat")])
    assert vocabulary.index_columns(INDEX).tolist() == [-1] * 5 + [0, 1, 2, 3, 4]
    assert vocabulary.index_columns(other).tolist() == [-1] * 5 + [0, -1, -1, -1, 1]


def test_a_saved_vocabulary_loads_equal(tmp_path):
    vocabulary = TermVocabulary.from_index(INDEX, 1, 100)
    vocabulary.save(tmp_path)
    loaded = TermVocabulary.load(tmp_path)
    assert (loaded.terms, loaded.surfaces) == (vocabulary.terms, vocabulary.surfaces)
    assert loaded.document_frequencies == vocabulary.document_frequencies


@pytest.mark.parametrize("content", [None, "", "{}", "[1, 2]", '{"terms": null, "surfaces": [], "x": 1}', "{"])
def test_a_missing_or_broken_file_is_named(tmp_path, content):
    if content is not None:
        (tmp_path / "vocabulary.json").write_text(content)
    with pytest.raises(ModelError, match=r"vocabulary\.json"):
        TermVocabulary.load(tmp_path)


def test_text_is_the_tokens_separated_by_spaces(vocabulary):
    ids = [vocabulary.token_ids["oven"], EOS_ID, vocabulary.token_ids["moon"]]
    assert vocabulary.text(ids) == "oven </s> moon"
    assert vocabulary.text([]) == ""


def test_the_words_of_bigrams_are_kept(tmp_path):
    documents = [Document("1", "図書館", "図書館で本を読む"), Document("2", "", "図書館 tea")]
    index = TermIndex.from_documents(documents, analysis_by_name("2-ja"))
    TermVocabulary.from_index(index, 2, 100).save(tmp_path)
    vocabulary = TermVocabulary.load(tmp_path)
    assert vocabulary.terms == ("図書", "書館")
    assert [vocabulary.word(token) for token in vocabulary.encode(vocabulary.terms)] == ["図書館"] * 2
    assert vocabulary.surface(vocabulary.token_ids["書館"]) == "書館"


def test_joined_forms_that_nobody_wrote_are_no_terms_of_the_policy():
    index = TermIndex.from_documents([Document("1", "", "stress-deflection of a beam"), Document("2", "", "stress")])
    assert TermVocabulary.from_index(index, 1, 100).terms == ("beam", "deflect", "stress")


def test_outside_words_come_behind_the_terms_and_are_no_terms(tmp_path):
    vocabulary = (
        TermVocabulary.from_index(INDEX, 1, 100).with_outside(["hoover", "cat"]).with_outside(["a", "hoover"])
    )
    assert vocabulary.outside == ("hoover", "a")
    assert len(vocabulary) == 10
    assert (vocabulary.read_ids["hoover"], vocabulary.read_ids["a"], vocabulary.read_ids["cat"]) == (10, 11, 5)
    assert "hoover" not in vocabulary.token_ids
    assert vocabulary.text([5, 11]) == "cat a"
    assert vocabulary.index_columns(INDEX).size == 10
    vocabulary.save(tmp_path)
    assert TermVocabulary.load(tmp_path).tokens == vocabulary.tokens


def test_the_file_of_a_vocabulary_without_outside_words_is_that_of_earlier_versions(tmp_path):
    TermVocabulary.from_index(INDEX, 1, 100).save(tmp_path)
    content = json.loads((tmp_path / "vocabulary.json").read_text())
    assert list(content) == ["terms", "surfaces", "document_frequencies", "analysis_name", "whole_words"]
    assert TermVocabulary.load(tmp_path).outside == ()
