"""Mixtures of words and documents on validation queries: scored as they are served."""

from dataclasses import replace

import numpy as np
import pytest

from untilclick.rewriter.config import PolicyConfig
from untilclick.rewriter.data.corpus_scorer import CorpusScorer
from untilclick.rewriter.data.logged_queries import JudgedQuery
from untilclick.rewriter.rewrite import Reason, RewriteRequest
from untilclick.rewriter.serving.blend import MEANT_STARTS, BlendSettings
from untilclick.rewriter.serving.readings.mixture import Mixture
from untilclick.rewriter.serving.readings.ranker import rank
from untilclick.rewriter.serving.readings.searched_query import SearchedQuery
from untilclick.rewriter.serving.term_rewriter import ModelReading, OpenedModel, TermRewriter
from untilclick.rewriter.stages.base import new_model
from untilclick.rewriter.stages.reader import meaning_of, read_by_meaning
from untilclick.rewriter.training import weighted_sums
from untilclick.rewriter.training.blend_grid import expansion_shapes
from untilclick.rewriter.training.held_out import validation_set
from untilclick.rewriter.training.weighted_sums import WeightedSums
from untilclick.search.engines.vectors.encoded_corpus import EncodedCorpus
from untilclick.search.measures.metrics import evaluate_rankings

from tests.fake_encoder import FakeEncoder
from tests.rewriter.toy_learning import THEMES, toy_opened, toy_topics

TOPICS = toy_topics()
DIRECTIONS = np.random.default_rng(4).normal(size=(len(THEMES), 8))


def of_themes(text):
    """The mean of a direction for each theme, weighted by the words of it, with some noise of the text's own."""
    words = text.split()
    counts = [sum(word in theme.split() for word in words) for theme in THEMES.values()]
    return np.array(counts) @ DIRECTIONS + 0.3 * np.random.default_rng(len(text)).normal(size=8)


def grades_of(validation):
    """(queries, documents)"""
    return validation.blends.grades


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    toy = toy_opened()
    toy = toy.with_topics(replace(toy.collection, queries="real"))
    documents = toy.collection.corpus.documents
    folder = tmp_path_factory.mktemp("vectors")
    return toy.with_vectors(EncodedCorpus.of(documents, FakeEncoder(of_themes), folder))


@pytest.fixture(scope="module")
def model(opened):
    config = PolicyConfig(d_model=32, d_ff=32, memory_terms=10)
    return new_model(opened.index, config, opened.encoded)


@pytest.fixture(scope="module", params=[(), ("tune", "slow bread")], ids=["first", "later"])
def queries(request):
    return [JudgedQuery(RewriteRequest(topic.query, request.param), topic.relevance) for topic in TOPICS]


@pytest.mark.parametrize(
    "blend",
    [
        *MEANT_STARTS.values(),
        BlendSettings(mixture=Mixture(0.3, 0.3, "fixed"), recall="meaning", sharpness=0.6, expansion_terms=20),
        BlendSettings(mixture=Mixture(0.3, 0.3), expansion_terms=20),
        BlendSettings(mixture=Mixture(0.1, 0.2, "fixed"), recall="meaning", documents="policy", expansion_terms=20),
        BlendSettings(mixture=Mixture(0.1, 0.2, "fixed"), recall="policy", documents="meaning", expansion_terms=20),
        BlendSettings(0.5, 0.1, 0.4),
    ],
    ids=["balanced", "cautious", "fixed", "policy", "policy's documents", "encoder's documents", "words"],
)
def test_a_blend_is_scored_as_it_is_served(opened, model, queries, blend):
    scorer = CorpusScorer.of(opened, model.language.vocabulary)
    validation = validation_set(opened, queries, scorer, model.language, limit=len(queries))
    validation = read_by_meaning(validation, model, opened)
    reader = OpenedModel(model.reader(), model.language, meaning_of(model, opened))
    served = TermRewriter("toy", reader, opened.spelling, opened.engine, blend)
    rewrites = served.rewrite([query.request for query in queries])
    rankings = [ranking.retrieved for ranking in rank(opened.engine, list(map(SearchedQuery.of, rewrites)), 10)]
    expected = evaluate_rankings(TOPICS, rankings, ["nDCG@10"]).mean("nDCG@10")
    assert validation.score(model.reader(), blend) == pytest.approx(expected, abs=0.02)


def test_a_validation_with_meaning_chooses_a_mixture_or_a_cold_start_with_it(opened, model, queries):
    scorer = CorpusScorer.of(opened, model.language.vocabulary)
    validation = validation_set(opened, queries, scorer, model.language, limit=len(queries))
    words = validation.choose_blend(model.reader())
    choice = read_by_meaning(validation, model, opened).choose_blend(model.reader())
    assert words.settings.mixture is None
    assert choice.settings.mixture is not None
    assert choice.ndcg > choice.original_ndcg
    assert {blend.mixture is not None for blend in choice.blends.values()} == {True}


class FixedReader:
    """A model that gives every document a score and every term the same probability."""

    def __init__(self, scores, n_terms):
        self.scores, self.n_terms = scores.astype(np.float32), n_terms

    def __call__(self, prompts):
        return np.zeros((len(prompts), self.n_terms), dtype=np.float32)

    def read(self, prompts):
        return ModelReading(self(prompts), self.scores)


def test_what_the_policy_learned_is_read_only_where_it_beats_the_encoder(opened, model):
    queries = [JudgedQuery(RewriteRequest(topic.query), topic.relevance) for topic in TOPICS]
    scorer = CorpusScorer.of(opened, model.language.vocabulary)
    validation = validation_set(opened, queries, scorer, model.language, limit=len(queries))
    validation = read_by_meaning(validation, model, opened)
    rng, size = np.random.default_rng(0), len(model.language.vocabulary)
    noise = rng.uniform(size=grades_of(validation).shape)
    wrong = validation.choose_blend(FixedReader(noise, size))
    right = validation.choose_blend(FixedReader(grades_of(validation) + 0.01 * noise, size))
    assert (wrong.settings.documents_by, right.settings.documents_by) == ("meaning", "policy")
    assert right.settings.recall == "meaning"  # the model recalls nothing
    assert right.ndcg > wrong.ndcg >= validation.score(model.reader(), MEANT_STARTS["balanced"])


def test_whose_documents_are_read_does_not_depend_on_whose_words_are(opened, model):
    """Every blend reaches on each query what that of the other source of words reaches with the same weights, if
    words have none."""
    queries = [JudgedQuery(RewriteRequest(topic.query), topic.relevance) for topic in TOPICS]
    scorer = CorpusScorer.of(opened, model.language.vocabulary)
    validation = validation_set(opened, queries, scorer, model.language, limit=len(queries))
    validation = read_by_meaning(validation, model, opened)
    reader = FixedReader(grades_of(validation), len(model.language.vocabulary))
    documents_alone, reached = BlendSettings(mixture=Mixture(0.0, 0.0, "fixed")), {}
    for recall in ("policy", "meaning"):
        for documents in (None, "policy", "meaning"):
            blend = replace(documents_alone, recall=recall, documents=documents)
            reached[recall, documents] = validation.score(reader, blend)
    assert reached["meaning", "policy"] == reached["policy", "policy"] == reached["policy", None] == pytest.approx(1)
    assert reached["policy", "meaning"] == reached["meaning", "meaning"] == reached["meaning", None] < 0.9


@pytest.mark.parametrize("history", [(), ("slow bread",)], ids=["first", "later"])
def test_a_model_that_scores_no_documents_chooses_among_words_alone(opened, model, history):
    """The progress counts every shape of the encoder's words and of the model's, and no third one."""
    queries = [JudgedQuery(RewriteRequest(topic.query, history), topic.relevance) for topic in TOPICS]
    scorer = CorpusScorer.of(opened, model.language.vocabulary)
    validation = validation_set(opened, queries, scorer, model.language, limit=len(queries))
    validation = read_by_meaning(validation, model, opened)
    size, counted = len(model.language.vocabulary), []
    silent = validation.choose_blend(
        lambda prompts: np.zeros((len(prompts), size), dtype=np.float32), lambda *unit: counted.append(unit[:2])
    )
    assert silent.settings.documents is None
    n_each = len(list(expansion_shapes("policy"))) + bool(history)
    assert counted[-1] == (2 * n_each, 2 * n_each)
    counted.clear()
    noise = np.random.default_rng(0).uniform(size=grades_of(validation).shape)
    validation.choose_blend(FixedReader(noise, size), lambda *unit: counted.append(unit[:2]))
    assert counted[-1] == (3 * n_each, 3 * n_each)


def test_a_query_of_stop_words_is_read_by_the_meaning_of_its_session(opened, model):
    reader = OpenedModel(model.reader(), model.language, meaning_of(model, opened))
    rewriter = TermRewriter("toy", reader, opened.spelling, opened.engine, MEANT_STARTS["balanced"])
    asked_on, alone, blank = rewriter.rewrite(
        [RewriteRequest("And why?", ("bread oven",)), RewriteRequest("And why?"), RewriteRequest(" ", ("oven",))]
    )
    assert (asked_on.reason, alone.reason, blank.reason) == (Reason.APPLIED, Reason.EMPTY_QUERY, Reason.EMPTY_QUERY)
    (ranking,) = rank(opened.engine, [SearchedQuery.of(asked_on)], 3)
    assert {entry.doc_id.split("-")[0] for entry in ranking.retrieved} == {"kitchen"}
    words = TermRewriter("toy", reader, opened.spelling, opened.engine, BlendSettings())
    assert words.rewrite([RewriteRequest("And why?", ("bread oven",))])[0].reason is Reason.EMPTY_QUERY


def test_grades_by_clicks_choose_no_weights(opened, model):
    """The weights are those of a cold start; what the policy learned is read unless it is measurably worse."""
    queries = [
        JudgedQuery(RewriteRequest(topic.query), topic.relevance, frozenset(opened.index.doc_ids), need)
        for need, topic in enumerate(TOPICS)
    ]
    scorer = CorpusScorer.of(opened, model.language.vocabulary)
    validation = validation_set(opened, queries, scorer, model.language, limit=len(queries))
    validation = read_by_meaning(validation, model, opened)
    rng, size = np.random.default_rng(0), len(model.language.vocabulary)
    noise = rng.uniform(size=grades_of(validation).shape)
    for scores, source in ((noise, "meaning"), (grades_of(validation) + 0.01 * noise, "policy")):
        choice = validation.choose_blend(FixedReader(scores, size))
        assert choice.settings.documents_by == source
        assert {caution: blend.mixture for caution, blend in choice.blends.items()} == {
            caution: start.mixture for caution, start in MEANT_STARTS.items()
        }


def test_few_queries_made_from_documents_choose_nothing(opened, model):
    made = opened.with_topics(replace(opened.collection, queries="made"))
    queries = [JudgedQuery(RewriteRequest(topic.query), topic.relevance, need=n) for n, topic in enumerate(TOPICS)]
    scorer = CorpusScorer.of(made, model.language.vocabulary)
    validation = validation_set(made, queries, scorer, model.language, limit=len(queries))
    reader = FixedReader(grades_of(read_by_meaning(validation, model, made)), len(model.language.vocabulary))
    choice = read_by_meaning(validation, model, made).choose_blend(reader)
    starts = {caution: replace(start, corrections=validation.corrections) for caution, start in MEANT_STARTS.items()}
    assert choice.blends == starts
    assert choice.strata.best is None
    assert validation.choose_blend(reader).settings.mixture is None  # without an encoder they choose as before


@pytest.mark.parametrize("by_clicks", [False, True], ids=["judged", "clicked"])
@pytest.mark.parametrize("encoded", [False, True], ids=["words", "meaning"])
def test_the_choice_is_that_of_ranking_all_documents_for_every_blend(
    opened, model, queries, encoded, by_clicks, monkeypatch
):
    """A grid is ranked by candidates; before, every blend ranked all documents, which took minutes."""
    monkeypatch.setattr(weighted_sums, "CANDIDATES", 6)
    shown = frozenset(opened.index.doc_ids[::2]) if by_clicks else None
    queries = [replace(query, shown=shown, need=number % 20) for number, query in enumerate(queries)]
    scorer = CorpusScorer.of(opened, model.language.vocabulary)
    validation = validation_set(opened, queries, scorer, model.language, limit=len(queries))
    validation = read_by_meaning(validation, model, opened) if encoded else validation
    scores = 0.2 * grades_of(validation) + np.random.default_rng(0).uniform(size=grades_of(validation).shape)
    reader = FixedReader(scores, len(model.language.vocabulary))
    by_candidates = validation.choices(reader)
    monkeypatch.setattr(WeightedSums, "grades_by_candidates", WeightedSums.grades)
    assert validation.choices(reader) == by_candidates
