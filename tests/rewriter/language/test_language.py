"""What a subword policy reads and how its texts become terms, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from untilclick.rewriter.language.language import Hypothesis, TermLanguage
from untilclick.rewriter.language.prompts import MAX_HISTORY, render, render_text
from untilclick.rewriter.language.vocabulary import EOS_ID, UNK_ID
from untilclick.rewriter.rewrite import RewriteRequest

from tests.rewriter.toy_subword_stages import SETTINGS, toy_language


@pytest.fixture(scope="module")
def subwords(opened, tmp_path_factory):
    return toy_language(opened, tmp_path_factory.mktemp("t5"))[1]


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (RewriteRequest("rmtre  folder"), "rmtre folder"),
        (RewriteRequest("rmtre folder", ("delete", "remove directory")), "rmtre folder | remove directory | delete"),
        (RewriteRequest("C++", ("a", "b", "c", "d", "e")), "C++ | e | d | c"),
        (RewriteRequest("the of", ("oven",)), ""),
        (RewriteRequest("  "), ""),
    ],
)
def test_a_request_as_text(vocabulary, request_, text):
    assert render_text(request_, vocabulary) == text
    assert text.count("|") <= MAX_HISTORY


def test_a_prompt_of_subwords_ends_and_knows_the_querys_terms(subwords):
    prompt = subwords.prompt(RewriteRequest("oven dough", ("moon",)))
    assert prompt.ids[-1] == EOS_ID
    assert subwords.texts([prompt.ids])[0].startswith("oven dough")
    assert prompt.query_ids == tuple(subwords.vocabulary.encode(["oven", "dough"]))
    assert len(subwords.prompt(RewriteRequest("oven dough flour " * 9)).ids) == SETTINGS.prompt_length
    assert subwords.prompt(RewriteRequest("the of")).empty


def test_a_policy_over_terms_reads_terms(opened, vocabulary):
    request = RewriteRequest("oven doughh", ("moon",))
    assert TermLanguage(vocabulary).prompt(request, opened.spelling) == render(request, vocabulary, opened.spelling)


def test_texts_become_terms_by_hand(subwords):
    """The texts are `dough flour` with probability .4, `flour flour` with .2, the query's own `oven` with .1 and a
    text without a known term with .1. `dough` and `flour` get half of .4 each, and `flour` another .2. The remaining
    .4 belongs to no term."""
    prompt = subwords.prompt(RewriteRequest("oven"))
    texts = {"dough flour": 0.4, "flour flour": 0.2, "oven": 0.1, "qq": 0.1}
    answers = [Hypothesis((*subwords.subwords(text), EOS_ID), float(np.log(prob))) for text, prob in texts.items()]
    row = np.exp(subwords.term_log_probs(answers, prompt))
    dough, flour = subwords.vocabulary.encode(["dough", "flour"])
    assert row[[dough, flour, UNK_ID]] == pytest.approx([0.2, 0.4, 0.4])
    assert row.sum() == pytest.approx(1.0)
    assert (row > 0).sum() == 3


def test_terms_of_a_text_are_stemmed_distinct_and_known(subwords):
    assert subwords.terms("Ovens, oven; the dough zzz") == subwords.vocabulary.encode(["oven", "dough"])
    assert subwords.terms("oven dough", excluded=subwords.vocabulary.encode(["oven"])) == subwords.vocabulary.encode(
        ["dough"]
    )


def test_special_tokens_are_all_that_is_no_text(subwords):
    assert {"<pad>", "</s>", "<unk>", "<extra_id_0>", "<extra_id_99>"} <= set(subwords.special_tokens)
    assert len(subwords.special_tokens) == 103
