"""From logits to clauses, by hand."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from untilclick.rewriter.flat_settings import flat
from untilclick.rewriter.language.prompts import Prompt
from untilclick.rewriter.language.vocabulary import EOS_ID, UNK_ID, TermVocabulary
from untilclick.rewriter.ppo_config import PPOConfig
from untilclick.rewriter.rewrite import RewriteRequest
from untilclick.rewriter.serving.blend import (
    COLD_START,
    MAX_CONTEXT,
    BlendSettings,
    Expansion,
    added_words,
    compose,
    context_as_typed,
    context_share,
    context_words,
    expand,
    original_clauses,
    readable,
    readable_terms,
    score_gap,
    surface_terms,
    with_context,
)
from untilclick.rewriter.serving.readings.mixture import Mixture
from untilclick.search.analysis.by_name import english
from untilclick.search.engines.tantivy_engine import TantivyEngine
from untilclick.search.records import WeightedQuery

VOCABULARY = TermVocabulary(("delet", "folder", "list", "sort"), ("delete", "folder", "lists", "sort"), (9, 9, 9, 9))
PROMPT = Prompt((6, EOS_ID), (6,))
"""The query `folder`."""


def logits(**probs: float) -> np.ndarray:
    """(V,) logs of the given probabilities. UNK_ID has probability 0; other special tokens have logit 50, which must
    not count."""
    values = np.full(len(VOCABULARY), 50.0, dtype=np.float32)
    values[UNK_ID] = -np.inf
    for term, prob in probs.items():
        values[VOCABULARY.token_ids[term]] = np.log(prob)
    return values


def test_expansion_by_hand():
    """Two of three terms with .5, .3 and .2 are read; special tokens and the query's own term never count."""
    expansion = expand(
        logits(delet=0.5, folder=9.0, list=0.2, sort=0.3), PROMPT, BlendSettings(expansion_terms=2, sharpness=1.0)
    )
    assert expansion.ids.tolist() == VOCABULARY.encode(["delet", "sort"])
    assert expansion.weights == pytest.approx([0.5 / 0.8, 0.3 / 0.8])
    assert expansion.confidence == pytest.approx(0.8)


def test_what_no_term_stands_for_lowers_the_confidence_and_no_weight():
    scores = logits(delet=0.25, list=0.1, sort=0.15)
    scores[UNK_ID] = np.log(0.5)
    expansion = expand(scores, Prompt((EOS_ID,), (6,)), BlendSettings(expansion_terms=2, sharpness=1.0))
    assert expansion.weights == pytest.approx([0.25 / 0.4, 0.15 / 0.4])
    assert expansion.confidence == pytest.approx(0.4)


def test_sharpness_is_an_exponent_on_the_probabilities():
    settings = BlendSettings(expansion_terms=2, sharpness=2.0)
    expansion = expand(logits(delet=0.5, folder=9.0, list=0.2, sort=0.3), PROMPT, settings)
    assert expansion.weights == pytest.approx([0.25 / 0.34, 0.09 / 0.34])
    assert expansion.confidence == pytest.approx(0.8)


def test_a_small_vocabulary_gives_fewer_terms():
    expansion = expand(logits(delet=0.5, folder=9.0, list=0.2, sort=0.3), PROMPT, BlendSettings(expansion_terms=20))
    assert expansion.ids.size == 3
    assert expansion.confidence == pytest.approx(1)


def test_a_query_of_the_whole_vocabulary_has_no_expansion():
    prompt = Prompt((5, 6, 7, 8, EOS_ID), (5, 6, 7, 8))
    expansion = expand(logits(delet=0.5, folder=0.1, list=0.2, sort=0.3), prompt, BlendSettings())
    assert (expansion.ids.size, expansion.weights.size, expansion.confidence) == (0, 0, 0.0)


@pytest.mark.parametrize(
    ("query", "corrected", "added"),
    [
        ("sort", None, ()),
        ("srot list", "sort list", ("sort",)),
        ("sortlist", "sort list", ("sort", "list")),
        ("sort srot", "sort sort", ("sort",)),
        ("time zone", "timezone", ("timezone",)),
        ("Wi-Fi of C++ Primr?", "Wi-Fi of C++ Primer?", ("primer",)),
        ("bin/direcotry", "bin/directory", ("directory",)),
    ],
)
def test_added_words_are_those_the_correction_brings_in(query, corrected, added):
    assert added_words(query, corrected, english()) == added


def test_each_known_or_corrected_term_weighs_one_part():
    assert original_clauses("srot list", ("sort",), 1) == (("srot list", 0.5), ("sort", 0.5))
    assert original_clauses("sort list", (), 2) == (("sort list", 0.5),)
    assert original_clauses("zzz", (), 0) == (("zzz", 1.0),)


def test_the_original_clauses_alone_rank_as_the_corrected_query(engine):
    corrected = engine.search([WeightedQuery.of("oven dough")], 20)[0]
    clauses = engine.search([WeightedQuery(original_clauses("oven duogh", ("dough",), 1))], 20)[0]
    assert [hit.doc_id for hit in corrected] == [hit.doc_id for hit in clauses]
    assert [hit.score / 2 for hit in corrected] == pytest.approx([hit.score for hit in clauses], rel=1e-5)


@pytest.mark.parametrize(
    ("history", "context"),
    [
        ((), ()),
        (("sorting lists",), ("lists",)),
        (("delete folders", "the folder list"), ("delete", "folders", "list")),
        (("sort", "the of"), ()),
    ],
)
def test_context_words_are_those_that_the_query_lacks_one_for_each_term(history, context):
    assert context_words(RewriteRequest("sort", history), english()) == context


def test_only_the_latest_earlier_queries_are_context():
    history = tuple(f"word{i}x" for i in range(MAX_CONTEXT + 2))
    assert context_words(RewriteRequest("sort", history), english()) == history[2:]


def test_context_takes_its_share_of_the_original():
    typed = original_clauses("sort list", (), 2)
    clauses = with_context(typed, ("delete", "folder"), 2, 0.3)
    assert [text for text, _ in clauses] == ["sort list", "delete", "folder"]
    assert [weight for _, weight in clauses] == pytest.approx([0.35, 0.15, 0.15])
    assert with_context(typed, (), 2, 0.3) == with_context(typed, ("delete",), 2, 0.0) == typed


def test_an_earlier_word_weighs_no_more_than_one_of_the_query():
    assert context_share(3, 1, 0.3) == pytest.approx(0.25)
    assert context_share(3, 2, 0.3) == pytest.approx(0.3)
    assert context_share(0, 1, 0.9) == pytest.approx(0.5)
    clauses = with_context(original_clauses("sort list folder", (), 3), ("delete",), 3, 0.3)
    assert [weight for _, weight in clauses] == pytest.approx([0.25, 0.25])


def test_the_page_on_training_states_the_default_limit_of_the_context():
    """The page once said .2 where the code had .25."""
    page = (Path(__file__).parents[3] / "docs" / "training.md").read_text(encoding="utf-8")
    (stated,) = re.findall(r"share `context` of the original.*?\bis (\.\d+) without", page, re.DOTALL)
    defaults = (BlendSettings().context, COLD_START.context, flat(PPOConfig())["rollout_context"])
    assert defaults == (float(stated),) * 3


@pytest.mark.parametrize(
    ("recall", "documents", "learned"),
    [
        ("policy", None, 0.7),
        ("meaning", None, 0.0),
        ("policy", "policy", 0.7),
        ("meaning", "meaning", 0.0),
        ("policy", "meaning", 0.2),
        ("meaning", "policy", 0.5),
    ],
)
def test_the_learned_share_of_a_mixture_is_that_of_the_policys_parts(recall, documents, learned):
    blend = BlendSettings(mixture=Mixture(0.3, 0.2), recall=recall, documents=documents)
    assert blend.learned_share == pytest.approx(learned)
    assert blend.documents_by == (documents or recall)


def test_parts_are_weighed_against_each_other():
    settings = BlendSettings(original=0.5, feedback=0.2, rewrite=0.3)
    query = compose((("folder", 1.0),), (("file", 0.75), ("disk", 0.25)), (("delete", 0.6), ("sort", 0.4)), settings)
    assert [text for text, _ in query.clauses] == ["folder", "file", "disk", "delete", "sort"]
    assert [weight for _, weight in query.clauses] == pytest.approx([0.5, 0.15, 0.05, 0.18, 0.12])


def test_an_empty_part_leaves_its_weight_unused_and_a_weight_of_0_its_clauses_out():
    settings = BlendSettings(original=0.6, feedback=0.0, rewrite=0.4)
    assert compose((("a", 1.0),), (("b", 1.0),), (), settings) == WeightedQuery((("a", 0.6),))


def test_surface_terms_are_readable_words():
    expansion = Expansion(np.array([7, 5]), np.array([0.75, 0.25], dtype=np.float32), 0.9)
    assert surface_terms(expansion, VOCABULARY) == (("lists", 0.75), ("delete", 0.25))


def test_the_readable_rewrite_keeps_the_query_and_adds_at_most_four_new_words():
    expansion = [(word, 0.1) for word in ("sorting", "delete", "copy", "move", "rename", "link")]
    assert readable(" sort folders ", expansion, english()) == "sort folders delete copy move rename"
    assert readable("sort", [], english()) == "sort"


LIBRARY = TermVocabulary(
    ("tea", "書館", "館の", "図書", "閲覧"),
    ("tea", "書館", "館の", "図書", "閲覧"),
    (2, 2, 2, 2, 2),
    "2-ja",
    {"書館": "図書館", "館の": "", "図書": "図書館", "閲覧": "閲覧"},
)
"""A vocabulary of Japanese bigrams."""


def test_bigrams_are_read_as_their_word_and_fragments_are_left_out():
    weights = np.array([0.4, 0.3, 0.1, 0.1, 0.1], dtype=np.float32)
    expansion = Expansion(np.array(LIBRARY.encode(["館の", "書館", "図書", "tea", "閲覧"])), weights, 1.0)
    words = readable_terms(expansion, LIBRARY)
    assert [word for word, _ in words] == ["図書館", "tea", "閲覧"]
    assert [weight for _, weight in words] == pytest.approx([0.6, 0.2, 0.2])
    assert surface_terms(expansion, LIBRARY)[0] == ("館の", pytest.approx(0.4))


def test_a_readable_rewrite_adds_no_part_of_a_run_and_no_overlapping_words():
    words = [(word, 0.1) for word in ("書館", "図書館", "閲覧席", "閲覧", "新聞")]
    assert readable("図書館", words, LIBRARY.analysis) == "図書館 閲覧席 新聞"


def test_earlier_queries_are_shown_in_the_words_that_were_typed():
    request = RewriteRequest("図書", ("図書館 Tea", "館内閲覧"))
    words = context_words(request, LIBRARY.analysis)
    assert words == ("書館", "tea", "館内", "内閲", "閲覧")
    assert context_as_typed(words, request, LIBRARY.analysis) == ("図書館", "tea", "館内閲覧")
    assert context_as_typed(("readers", "unheard"), RewriteRequest("", ("Readers",)), english()) == (
        "readers",
        "unheard",
    )


def test_a_blend_retrieves_everything_that_the_original_does(engine: TantivyEngine):
    original = {hit.doc_id for hit in engine.search([WeightedQuery.of("oven")], 60)[0]}
    blend = compose(original_clauses("oven", (), 1), (), (("moon", 1.0),), BlendSettings(0.3, 0.0, 0.7))
    assert original < {hit.doc_id for hit in engine.search([blend], 60)[0]}


def test_a_close_race_leaves_feedback_and_rewrite_less():
    """At a quarter of the full gap feedback and rewrite have half their weights."""
    settings = BlendSettings(original=0.6, feedback=0.1, rewrite=0.3, full_gap=0.4, least_share=0.25)
    half = settings.scaled(0.1)
    assert (half.original, half.feedback, half.rewrite) == pytest.approx((0.8, 0.05, 0.15))
    assert settings.shares(np.array([0.0, 0.4, 0.9], dtype=np.float32)).tolist() == pytest.approx([0.25, 1, 1])
    assert replace(settings, full_gap=0.0).scaled(0.0).rewrite == pytest.approx(0.3)


def test_the_gap_is_the_lead_of_the_first_document():
    assert score_gap([8.0, 6.0, 1.0]) == pytest.approx(0.25)
    assert score_gap([8.0]) == score_gap([]) == 1.0
