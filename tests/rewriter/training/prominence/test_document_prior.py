"""The weight of the documents' prominence: 0 unless held-out needs say better."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from untilclick.rewriter.config import PolicyConfig
from untilclick.rewriter.data.corpus_scorer import CorpusScorer
from untilclick.rewriter.data.logged_queries import JudgedQuery
from untilclick.rewriter.rewrite import RewriteRequest
from untilclick.rewriter.serving.blend import MEANT_STARTS, BlendSettings
from untilclick.rewriter.serving.readings.document_prior import DocumentPrior
from untilclick.rewriter.serving.readings.ranker import rank
from untilclick.rewriter.serving.readings.searched_query import SearchedQuery
from untilclick.rewriter.serving.term_rewriter import OpenedModel, TermRewriter
from untilclick.rewriter.stages.base import new_model
from untilclick.rewriter.stages.reader import meaning_of
from untilclick.rewriter.training.held_out import never_worse, validation_set
from untilclick.rewriter.training.prominence import document_prior
from untilclick.rewriter.training.prominence.document_prior import (
    GRID_PRIORS,
    best_weight,
    further_queries,
    prior_candidate,
)
from untilclick.rewriter.training.scored import Strata, mean_of, standard_error
from untilclick.search.measures.metrics import evaluate_rankings
from untilclick.search.records import Topic

from tests.rewriter.toy_learning import THEMES, toy_opened
from tests.rewriter.toy_meaning import encoded_toys

START = MEANT_STARTS["balanced"]
PROMINENT = tuple(f"{theme}-{number}" for theme in THEMES for number in (3, 7))
PRIOR = DocumentPrior(dict.fromkeys(PROMINENT, 1.0), {})


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    return encoded_toys(toy_opened(), tmp_path_factory.mktemp("vectors"))


@pytest.fixture(scope="module")
def model(opened):
    return new_model(opened.index, PolicyConfig(d_model=32, d_ff=32, memory_terms=10), opened.encoded)


def topics_of(numbers):
    """Queries of two shared words of a theme that want one document of it, the one of these numbers in turn."""
    words = {theme: [*text.split()[:6], *text.split()[10:]] for theme, text in THEMES.items()}
    return [
        Topic(f"{theme}-{i}", f"{own[i]} {own[i + 1]}", {f"{theme}-{numbers[i % len(numbers)]}": 1})
        for theme, own in words.items()
        for i in range(8)
    ]


@pytest.fixture(scope="module")
def validation_of(opened, model):
    """Makes a validation set of topics, read by an encoder and with a prior."""

    def made(topics, prior=PRIOR, **options):
        queries = [
            JudgedQuery(RewriteRequest(topic.query), topic.relevance, need=n) for n, topic in enumerate(topics)
        ]
        scorer = CorpusScorer.of(opened, model.language.vocabulary)
        plain = validation_set(opened, queries, scorer, model.language, limit=len(queries))
        meaning = replace(meaning_of(model, opened), prior=lambda: prior)
        return plain.with_meaning(meaning, opened.encoded, **options)

    return made


def chosen(validation, model, settings=START, excess=lambda _: 0.0):
    needs = np.arange(len(validation))
    return prior_candidate(settings, validation.blends, validation.blends.read_by(model.reader()), needs, excess)


def test_the_weight_is_chosen_where_prominent_documents_are_wanted_and_nowhere_else(validation_of, model):
    wanted = chosen(validation_of(topics_of([3, 7])), model)
    assert wanted.settings == replace(START, mixture=replace(START.mixture, prior=wanted.settings.mixture.prior))
    assert wanted.settings.mixture.prior in GRID_PRIORS
    assert wanted.ndcg.mean() > validation_of(topics_of([3, 7])).score(model.reader(), START)
    assert chosen(validation_of(topics_of(range(10))), model) is None
    assert chosen(validation_of(topics_of([0, 1, 2])), model) is None


def test_a_weight_that_no_longer_helps_is_taken_back(validation_of, model):
    weighted = replace(START, mixture=replace(START.mixture, prior=0.1))
    assert chosen(validation_of(topics_of([0, 1, 2])), model, weighted).settings == START


def test_a_weight_that_harms_too_many_queries_is_left(validation_of, model):
    validation = validation_of(topics_of([3, 7]))
    without = validation.best_score(model.reader(), [START]).values
    assert chosen(validation, model, excess=lambda ndcg: float((ndcg != without).any())) is None


def test_few_needs_choose_no_weight(validation_of, model):
    assert chosen(validation_of(topics_of([3, 7])[:1]), model) is None


def test_documents_that_do_not_name_each_other_and_blends_of_words_have_no_weight(validation_of, model):
    assert chosen(validation_of(topics_of([3, 7]), DocumentPrior()), model) is None
    assert chosen(validation_of(topics_of([3, 7])), model, BlendSettings()) is None


def test_the_choice_of_a_blend_has_the_weight_for_made_queries_too(validation_of, model):
    validation = validation_of(topics_of([3, 7]), made=True)
    choice = validation.choose_blend(model.reader())
    assert choice.settings.mixture.prior in GRID_PRIORS
    assert choice.ndcg == pytest.approx(validation.score(model.reader(), choice.settings))
    assert choice.harmed == validation.harmed_share(validation.best_score(model.reader(), [choice.settings]).values)
    later = never_worse(validation, model.reader(), choice.settings, choice.blends)
    assert later.settings.mixture.prior == choice.settings.mixture.prior


def harmless(_values):
    return 0.0


def test_queries_that_count_equally_find_what_equal_strata_miss():
    lead = np.where(np.arange(400) % 20 == 0, 0.2, 0.0)  # one query in 20 of the large stratum is helped
    lead[380:] = np.tile([0.3, -0.3], 10)  # in the small one as many are helped as harmed
    needs, of_query = np.arange(400), np.repeat([0, 1], [380, 20])
    strata = Strata(of_query, np.where(of_query == 0, 0.5 / 380, 0.5 / 20))
    assert mean_of(lead, strata) < 2 * standard_error(lead, needs, strata)
    values = [np.full(400, 0.4), 0.4 + lead / 2, 0.4 + lead]
    assert best_weight(values, needs, harmless) == 2
    assert best_weight(values, np.zeros(400, dtype=np.int64), harmless) == 0  # one need tells nothing of others


def test_prominence_that_says_nothing_keeps_the_weight_0():
    rng, needs = np.random.default_rng(0), np.arange(2000)
    changed = rng.random((3, 2000)) < 0.05
    leads = np.where(changed, rng.choice([-0.3, 0.3], (3, 2000)), 0.0)
    assert best_weight([np.full(2000, 0.4), *(0.4 + leads)], needs, harmless) == 0


def test_needs_that_were_learned_from_choose_where_nothing_learned_is_read(validation_of, model):
    few = validation_of(topics_of([3, 7])[:1])
    assert few.choose_blend(model.reader()).settings == START
    more = few.with_further(lambda: validation_of(topics_of([3, 7])[1:]))
    choice = more.choose_blend(model.reader())
    assert choice.settings.mixture.prior in GRID_PRIORS
    assert choice.ndcg == pytest.approx(few.score(model.reader(), choice.settings))
    of_others = few.with_further(lambda: validation_of(topics_of([0, 1, 2])))
    assert of_others.choose_blend(model.reader()).settings == START
    learned = {"balanced": replace(choice, settings=replace(START, recall="policy"))}
    assert more.with_priors(learned, model.reader()) == learned


def test_further_queries_are_first_ones_of_known_needs_with_index_terms_of_their_own(opened, monkeypatch):
    def query(text, need, *history, relevance=None):
        return JudgedQuery(RewriteRequest(text, history), {"a": 1} if relevance is None else relevance, need=need)

    queries = [
        query("open file", 1), query("files open", 2), query("open files now", 1), query("close files", None),
        query("read files", 3, "read"), query("read lines", 3), query("write lines", 4),
        query("sort", 5, relevance={}),
    ]  # fmt: skip
    chosen = further_queries(queries, ["writes line"], 10, opened.analysis)
    texts = {each.request.query for each in chosen}
    assert len(chosen) == 3
    assert {"open files now", "read lines"} < texts
    assert len(texts & {"open file", "files open"}) == 1
    assert further_queries(queries, ["writes line"], 10, opened.analysis) == chosen
    monkeypatch.setattr(document_prior, "FURTHER_SCORES", 20)
    assert further_queries(queries, ["writes line"], 10, opened.analysis) == chosen[:2]


@pytest.mark.parametrize("weight", [0.02, 0.1])
def test_a_weighted_blend_is_scored_as_it_is_served(validation_of, opened, model, weight):
    blend, topics = replace(START, mixture=replace(START.mixture, prior=weight)), topics_of([3, 0, 7])
    meaning = replace(meaning_of(model, opened), prior=lambda: PRIOR)
    reader = OpenedModel(model.reader(), model.language, meaning)
    served = TermRewriter("toy", reader, opened.spelling, opened.engine, blend)
    rewrites = served.rewrite([RewriteRequest(topic.query) for topic in topics])
    assert {rewrite.documents.prior.weight for rewrite in rewrites} == {weight}
    rankings = [ranking.retrieved for ranking in rank(opened.engine, list(map(SearchedQuery.of, rewrites)), 10)]
    expected = evaluate_rankings(topics, rankings, ["nDCG@10"]).mean("nDCG@10")
    assert validation_of(topics).score(model.reader(), blend) == pytest.approx(expected, abs=0.02)
    assert validation_of(topics).score(model.reader(), START) != pytest.approx(expected, abs=1e-3)
