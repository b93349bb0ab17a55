"""The renderer of model input, as a table; and a guard that ties its output to `PROMPT_VERSION`."""

from __future__ import annotations

import pytest

from untilclick.rewriter.language import prompts
from untilclick.rewriter.language.prompts import (
    MAX_PROMPT_TOKENS,
    MAX_QUERY_WORDS,
    PROMPT_VERSION,
    Prompt,
    read_corrected,
    render,
)
from untilclick.rewriter.language.vocabulary import EOS_ID, TermVocabulary
from untilclick.rewriter.rewrite import RewriteRequest
from untilclick.search.analysis.by_name import english

term_of = english().term_of

VOCABULARY = TermVocabulary(
    ("delet", "directori", "folder", "list", "rmtree", "sort"),
    ("delete", "directory", "folder", "list", "rmtree", "sort"),
    (9, 9, 9, 9, 9, 9),
)


class Spelling:
    """Knows the vocabulary and the word `rare`, which is in the corpus but outside the vocabulary."""

    def is_known(self, word: str) -> bool:
        return term_of(word) in (*VOCABULARY.terms, "rare")

    def candidates(self, word: str, n: int, query: str | None = None) -> list[str]:
        table = {
            "rmtre": ["rmtree", "rare"],
            "lsit": ["list", "lists", "sort"],
            "fodler": ["folder", "list", "sort", "delete"],
        }
        return table.get(word, [])[:n]


def shown(query: str, *history: str) -> str:
    prompt = render(RewriteRequest(query, history), VOCABULARY, Spelling())
    return " ".join(VOCABULARY.tokens[token] for token in prompt.ids)


@pytest.mark.parametrize(
    ("query", "tokens"),
    [
        ("hoover", "hoover </s>"),
        ("hoovers list", "hoover list </s>"),
        ("rmtre", "rmtre <alt> rmtree </s>"),
        ("rare zzz", "<unk> <unk> </s>"),
    ],
)
def test_outside_words_are_read_beside_their_spelling_candidates(query, tokens):
    vocabulary = VOCABULARY.with_outside(["hoover", "rmtre"])
    prompt = render(RewriteRequest(query), vocabulary, Spelling())
    assert vocabulary.text(prompt.ids) == tokens
    assert all(token < len(vocabulary) for token in prompt.query_ids)


@pytest.mark.parametrize(
    ("query", "history", "tokens"),
    [
        ("sort list", (), "sort list </s>"),
        ("Sorting LISTS", (), "sort list </s>"),
        ("sort the list", (), "sort list </s>"),
        ("list list", (), "list list </s>"),
        ("rmtre folder", (), "<unk> <alt> rmtree folder </s>"),
        ("lsit", (), "<unk> <alt> list sort </s>"),
        ("fodler", (), "<unk> <alt> folder list sort </s>"),
        ("rare list", (), "<unk> list </s>"),
        ("zzz", (), "<unk> </s>"),
        ("", (), "</s>"),
        ("the of", (), "</s>"),
        ("?!", (), "</s>"),
        ("folder", ("delete directory",), "folder <sep> delet directori </s>"),
        ("folder", ("sort", "list", "delete"), "folder <sep> delet <sep> list <sep> sort </s>"),
        ("folder", ("rmtree", "sort", "list", "delete"), "folder <sep> delet <sep> list <sep> sort </s>"),
        ("the", ("sort",), "<sep> sort </s>"),
        ("folder", ("rmtre",), "folder <sep> <unk> <alt> rmtree </s>"),
    ],
)
def test_rendering(query, history, tokens):
    assert shown(query, *history) == tokens


def test_the_rendering_is_frozen_by_the_prompt_version():
    """When this fails, the renderer has changed: count `PROMPT_VERSION` up, then write the new ids here."""
    request = RewriteRequest("rmtre the Sorted folders zzz", ("list", "delete directory"))
    prompt = render(request, VOCABULARY, Spelling())
    expected = (3, 4, 9, 10, 7, 3, 2, 5, 6, 2, 8, 1)
    limits = (prompts.MAX_QUERY_WORDS, prompts.MAX_HISTORY, prompts.MAX_CANDIDATES, prompts.MAX_PROMPT_TOKENS)
    assert (PROMPT_VERSION, prompt.ids, prompt.query_ids, limits) == (1, expected, (10, 7), (32, 3, 3, 64))


def test_the_querys_own_terms_are_listed_once_and_those_of_the_history_are_not():
    prompt = render(RewriteRequest("list sort lists", ("folder",)), VOCABULARY, Spelling())
    assert prompt.query_ids == (8, 10)


def test_without_a_speller_unknown_words_stand_alone():
    assert render(RewriteRequest("rmtre folder"), VOCABULARY).ids == (3, 7, EOS_ID)


def test_a_long_query_is_cut_and_the_end_token_stays():
    prompt = render(RewriteRequest("sort " * 100), VOCABULARY)
    assert prompt.ids == (10,) * MAX_QUERY_WORDS + (EOS_ID,)


def test_a_long_session_is_cut_to_the_longest_prompt():
    long = "sort " * 30
    prompt = render(RewriteRequest(long, (long, long, long)), VOCABULARY)
    assert len(prompt.ids) == MAX_PROMPT_TOKENS
    assert prompt.ids[-1] == EOS_ID
    assert EOS_ID not in prompt.ids[:-1]


@pytest.mark.parametrize(
    ("query", "empty"), [("", True), ("zzz", True), ("the", True), ("sort", False), ("lsit", False)]
)
def test_a_prompt_is_empty_when_no_word_means_anything(query, empty):
    assert render(RewriteRequest(query), VOCABULARY, Spelling()).empty is empty
    assert Prompt((EOS_ID,), ()).empty


def test_prompts_carry_their_queries_newest_first():
    request = RewriteRequest("How do I copy a folder?", ("directory", "rmtre"))
    prompt = render(request, VOCABULARY, Spelling())
    assert prompt.texts == ("How do I copy a folder?", "rmtre", "directory")
    assert prompt == Prompt(prompt.ids, prompt.query_ids)  # equal tokens are one prompt to the T5


def test_an_encoder_reads_the_corrected_query_and_the_earlier_ones_as_typed():
    prompt = Prompt((5, EOS_ID), (5,), ("dictonary", "sorrt"))
    assert read_corrected(prompt, {"dictonary": "dictionary"}.get).texts == ("dictionary", "sorrt")
    assert read_corrected(prompt, lambda _: None) == prompt
    assert read_corrected(Prompt((EOS_ID,), ()), {}.get).texts == ()
