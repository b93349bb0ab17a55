"""The rewriter's answers, with logits made by hand."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from untilclick.rewriter.language.language import TermLanguage
from untilclick.rewriter.rewrite import Reason, RewriteRequest, Unread
from untilclick.rewriter.serving.blend import BlendSettings
from untilclick.rewriter.serving.readings.meaning import Meaning
from untilclick.rewriter.serving.readings.mixture import Mixture
from untilclick.rewriter.serving.term_rewriter import MAX_QUERY_CHARACTERS, OpenedModel, TermRewriter
from untilclick.search.engines.vectors.encoded_corpus import EncodedCorpus
from untilclick.search.records import WeightedQuery
from untilclick.search.text.encoders.query_vectors import QueryVectors

from tests.fake_encoder import FakeEncoder, of_hash

SETTINGS = BlendSettings(original=0.5, feedback=0.2, rewrite=0.3, expansion_terms=3, sharpness=1.0, feedback_terms=5)
ROOT = Path(__file__).parents[3]


class Logits:
    """The same three terms for every prompt; remembers what it was asked."""

    def __init__(self, vocabulary, **probs: float) -> None:
        self.row = np.full(len(vocabulary), np.log(1e-6), dtype=np.float32)
        for term, prob in probs.items():
            self.row[vocabulary.token_ids[term]] = np.log(prob)
        self.asked: list = []

    def __call__(self, prompts):
        self.asked.append(list(prompts))
        return np.stack([self.row for _ in prompts])


@pytest.fixture
def logits(vocabulary):
    return Logits(vocabulary, sourdough=0.5, brioch=0.3, oven=0.2)


@pytest.fixture
def make(opened, engine, vocabulary, logits):
    def made(settings: BlendSettings = SETTINGS) -> TermRewriter:
        return TermRewriter("v1", OpenedModel(logits, TermLanguage(vocabulary)), opened.spelling, engine, settings)

    return made


def test_an_applied_rewrite_holds_terms_text_and_clauses(make, engine):
    (rewrite,) = make().rewrite([RewriteRequest("dough flour")])
    assert (rewrite.applied, rewrite.reason, rewrite.correction) == (True, Reason.APPLIED, None)
    assert rewrite.text == "dough flour sourdough brioche oven"
    assert [word for word, _ in rewrite.terms] == ["sourdough", "brioche", "oven"]
    assert [weight for _, weight in rewrite.terms] == pytest.approx([0.5, 0.3, 0.2], abs=1e-3)
    assert rewrite.confidence == pytest.approx(1, abs=1e-3)
    feedback = engine.feedback_terms(WeightedQuery((("dough flour", 0.5),)), 5)
    weights = [weight for _, weight in rewrite.blend.clauses]
    assert [text for text, _ in rewrite.blend.clauses] == [
        "dough flour",
        *(word for word, _ in feedback),
        "sourdough",
        "brioche",
        "oven",
    ]
    assert weights[0] == pytest.approx(0.25)
    assert sum(weights[1:6]) == pytest.approx(0.2, rel=1e-5)
    assert weights[6:] == pytest.approx([0.15, 0.09, 0.06], abs=1e-3)
    assert [text for text, _ in rewrite.replace.clauses] == ["dough flour", "sourdough", "brioche", "oven"]


def test_the_weights_follow_the_lead_of_the_first_document(make, engine):
    settings = replace(SETTINGS, full_gap=1.0, least_share=0.1)
    scores = engine.feedback(WeightedQuery.of("dough flour"), 0).scores
    share = (1 - scores[1] / scores[0]) ** 0.5
    assert 0.1 < share < 0.9
    (rewrite,) = make(settings).rewrite([RewriteRequest("dough flour")])
    weights = [weight for _, weight in rewrite.blend.clauses]
    assert weights[0] == pytest.approx((1 - 0.5 * share) / 2)
    assert sum(weights[1:6]) == pytest.approx(0.2 * share, rel=1e-5)
    assert sum(weights[6:]) == pytest.approx(0.3 * share, rel=1e-5)
    (without,) = make(replace(settings, original=0.7, feedback=0.0)).rewrite([RewriteRequest("dough flour")])
    assert [text for text, _ in without.blend.clauses] == ["dough flour", "sourdough", "brioche", "oven"]
    assert without.blend.clauses[0][1] == pytest.approx((1 - 0.3 * share) / 2)


def test_the_querys_own_terms_are_not_added_again(make):
    (rewrite,) = make().rewrite([RewriteRequest("oven")])
    assert "oven" not in [word for word, _ in rewrite.terms]


@pytest.mark.parametrize("query", ["", "  ", "the of", "?!", "...the"])
def test_a_query_without_a_word_is_kept(make, logits, query):
    (rewrite,) = make().rewrite([RewriteRequest(query)])
    assert (rewrite.applied, rewrite.reason, rewrite.text) == (False, Reason.EMPTY_QUERY, query)
    assert rewrite.blend == rewrite.replace == WeightedQuery.of(query)
    assert logits.asked == []


def test_an_overlong_query_is_kept_and_the_model_is_not_asked(make, logits):
    query = "oven " * (MAX_QUERY_CHARACTERS // 5 + 1)
    (rewrite,) = make().rewrite([RewriteRequest(query)])
    assert (rewrite.applied, rewrite.reason) == (False, Reason.QUERY_TOO_LONG)
    assert logits.asked == []


def test_a_query_that_means_nothing_to_the_model_is_kept(make):
    (rewrite,) = make().rewrite([RewriteRequest("qqqqqqqqqqqq")])
    assert (rewrite.applied, rewrite.reason) == (False, Reason.EMPTY_REWRITE)


def test_the_gate_keeps_unsure_queries(make, logits, vocabulary):
    unsure = BlendSettings(expansion_terms=1, min_confidence=0.9)
    (rewrite,) = make(unsure).rewrite([RewriteRequest("dough")])
    assert (rewrite.applied, rewrite.reason) == (False, Reason.GATED)
    assert rewrite.confidence == pytest.approx(0.5, abs=1e-2)
    assert rewrite.blend == WeightedQuery.of("dough")


def test_a_gated_misspelt_query_is_corrected_and_nothing_else(make):
    unsure = BlendSettings(original=0.5, expansion_terms=1, min_confidence=0.9)
    (rewrite,) = make(unsure).rewrite([RewriteRequest("duogh oven")])
    assert (rewrite.applied, rewrite.correction, rewrite.terms) == (True, "dough oven", ())
    assert rewrite.text == "dough oven"
    assert rewrite.blend.clauses == (("duogh oven", 0.25), ("dough", 0.25))


def test_the_rewrite_alone_weighs_each_term_of_the_corrected_query_as_the_blend_does(make):
    """The weight was once divided by the number of known words of the misspelt query, which doubled the weight of
    corrected terms."""
    (rewrite,) = make().rewrite([RewriteRequest("duogh oven")])
    assert rewrite.replace.clauses[0] == ("dough oven", pytest.approx(0.25))
    assert rewrite.blend.clauses[0] == ("duogh oven", pytest.approx(0.25))


def test_history_is_shown_to_the_model(make, logits, vocabulary):
    make().rewrite([RewriteRequest("oven", ("soil", "moon star"))])
    (prompt,) = logits.asked[-1]
    assert [vocabulary.tokens[i] for i in prompt.ids] == ["oven", "<sep>", "moon", "star", "<sep>", "soil", "</s>"]


def test_words_of_earlier_queries_are_searched_too(make, engine):
    """Known words get their share of the original's weight; the relevance model is that of the query with these
    words."""
    settings = replace(SETTINGS, context=0.3)
    (rewrite,) = make(settings).rewrite([RewriteRequest("oven", ("dough xyzzy", "the oven flour"))])
    assert rewrite.context == ("dough", "flour")
    typed = (("oven", 0.7), ("dough", 0.15), ("flour", 0.15))
    assert rewrite.blend.clauses[:3] == tuple((text, pytest.approx(0.5 * weight)) for text, weight in typed)
    feedback = [word for word, _ in engine.feedback_terms(WeightedQuery(typed), 5)]
    assert [text for text, _ in rewrite.blend.clauses[3:8]] == feedback
    assert rewrite.replace.clauses[:3] == rewrite.blend.clauses[:3]


def test_a_gated_query_keeps_its_context(make):
    unsure = BlendSettings(original=0.5, expansion_terms=1, min_confidence=0.9, context=0.2)
    (rewrite,) = make(unsure).rewrite([RewriteRequest("dough", ("oven",))])
    assert (rewrite.applied, rewrite.terms, rewrite.context) == (True, (), ("oven",))
    assert rewrite.blend.clauses == (("dough", pytest.approx(0.4)), ("oven", pytest.approx(0.1)))


def test_without_a_share_earlier_queries_are_shown_to_the_model_alone(make):
    (rewrite,) = make(replace(SETTINGS, context=0.0)).rewrite([RewriteRequest("oven", ("dough",))])
    assert rewrite.context == ()
    assert "dough" not in [text for text, _ in rewrite.blend.clauses[:1]]


def test_answers_come_in_the_order_of_the_requests(make):
    queries = ["", "dough", "the", "moon", "x" * 2000]
    rewrites = make().rewrite([RewriteRequest(query) for query in queries])
    assert [rewrite.query for rewrite in rewrites] == queries
    assert [rewrite.applied for rewrite in rewrites] == [False, True, False, True, False]
    assert make().rewrite([]) == []


def test_without_feedback_the_engine_is_not_asked(make):
    (rewrite,) = make(BlendSettings(original=0.6, feedback=0.0, rewrite=0.4, expansion_terms=2)).rewrite(
        [RewriteRequest("dough")]
    )
    assert [text for text, _ in rewrite.blend.clauses] == ["dough", "sourdough", "brioche"]


@pytest.mark.parametrize("module", ["term_rewriter", "runtime", "bundle", "blend"])
def test_serving_modules_leave_torch_out(module, tmp_path):
    heavy = {"torch", "transformers", "ir_measures"}
    code = f"import sys, untilclick.rewriter.serving.{module}; print(sorted({heavy} & set(sys.modules)))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_earlier_words_are_not_searched_for_a_query_that_has_none_of_its_own(make):
    """Documents that only the earlier words find were once shown for the query "asdkjhqwe"."""
    (rewrite,) = make(replace(SETTINGS, context=0.3)).rewrite([RewriteRequest("asdkjhqwe", ("dough", "flour"))])
    assert rewrite.context == ()
    assert not rewrite.applied


@pytest.fixture
def meant(opened, engine, vocabulary, logits, tmp_path):
    """Makes a rewriter with a sentence encoder of these vectors, whose documents are encoded or not yet."""

    def made(vector, *, encoded):
        documents = opened.collection.corpus.documents
        index = EncodedCorpus.of(documents, FakeEncoder(), tmp_path).index if encoded else None
        meaning = Meaning(QueryVectors(FakeEncoder(vector)), lambda: index, None)
        settings = replace(SETTINGS, mixture=Mixture(0.3, 0.2, "fixed"), corrections=True)
        model = OpenedModel(logits, TermLanguage(vocabulary), meaning)
        return TermRewriter("v1", model, opened.spelling, engine, settings)

    return made


@pytest.mark.parametrize(
    ("vector", "encoded", "unread", "reason"),
    [
        (of_hash, False, Unread.NOT_ENCODED, Reason.NOT_ENCODED),
        (lambda _: np.zeros(8), True, Unread.NO_TOKEN, Reason.EMPTY_REWRITE),
        (of_hash, True, Unread.WORDS_ALONE, Reason.APPLIED),
    ],
)
def test_a_query_that_is_not_read_as_documents_says_why(meant, vector, encoded, unread, reason):
    """With a correction, which is searched anyway, and without. The reason once was `gated`, that the rewriter
    expects no gain, although it could not tell before the documents were encoded."""
    requests = [RewriteRequest(query) for query in ("dough flour", "dough flouur")]
    plain, corrected = meant(vector, encoded=encoded).rewrite(requests)
    read = unread is Unread.WORDS_ALONE
    assert (plain.applied, plain.documents is not None, plain.unread) == (read, read, unread)
    assert (plain.reason, corrected.reason) == (reason, Reason.APPLIED)
    assert corrected.correction == "dough flour"
    assert (corrected.applied, corrected.documents is not None, corrected.unread) == (True, read, unread)
