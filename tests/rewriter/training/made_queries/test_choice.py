"""The blend that queries made from documents choose by strata, and what keeps it from being used."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace

import numpy as np
import pytest

from untilclick.rewriter.config import PolicyConfig, WarmStartConfig
from untilclick.rewriter.data.corpus_scorer import CorpusScorer
from untilclick.rewriter.data.logged_queries import JudgedQuery
from untilclick.rewriter.rewrite import RewriteRequest
from untilclick.rewriter.serving.blend import MEANT_STARTS, BlendSettings
from untilclick.rewriter.serving.readings.mixture import Mixture
from untilclick.rewriter.stages.base import new_model
from untilclick.rewriter.stages.reader import read_by_meaning
from untilclick.rewriter.stages.record import StageOutcome, read_stage, write_stage
from untilclick.rewriter.training.blend_scores import BlendCandidate
from untilclick.rewriter.training.held_out import never_worse, validation_set
from untilclick.rewriter.training.made_queries import strata
from untilclick.rewriter.training.made_queries.choice import Gain
from untilclick.rewriter.training.validation import BlendChoice
from untilclick.search.engines.vectors.encoded_corpus import EncodedCorpus

from tests.fake_encoder import FakeEncoder
from tests.rewriter.toy_learning import toy_opened, toy_topics
from tests.rewriter.training.test_meant_queries import of_themes

TYPED = BlendSettings(mixture=Mixture(0.7, 0.2, "fixed"), recall="meaning")
MEANT = BlendSettings(mixture=Mixture(0.2, 0.3, "fixed"), recall="policy")
N_OF_STRATUM = (30, 30, 30, 30, 200)
"""Queries of the strata, each of another need: most type nothing but words of the documents they want."""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    opened = toy_opened()
    documents = opened.collection.corpus.documents
    return opened.with_vectors(EncodedCorpus.of(documents, FakeEncoder(), tmp_path_factory.mktemp("vectors")))


@pytest.fixture(scope="module")
def model(made):
    return new_model(made.index, PolicyConfig(d_model=32, d_ff=32, memory_terms=10), made.encoded)


@pytest.fixture(scope="module")
def queries(made):
    """Of five words none stands in the wanted document in stratum 0, then two, three, four, and all."""
    return [
        JudgedQuery(RewriteRequest(typed_of(made, number, shared)), {made.index.doc_ids[number % 60]: 1.0}, need=need)
        for need, (number, shared) in enumerate(
            (number, shared) for shared, n in zip((0, 2, 3, 4, 5), N_OF_STRATUM, strict=True) for number in range(n)
        )
    ]


def typed_of(made, number, n_shared):
    index = made.index
    held = index.counts[[number % 60]].indices[:n_shared]
    return " ".join(
        [*(index.surfaces[column] for column in held), *["zzyzx", "qwrty", "vvvok", "xxuub", "kkwoz"][n_shared:]]
    )


@pytest.fixture
def validation(made, model, queries):
    scorer = CorpusScorer.of(made, model.language.vocabulary)
    return read_by_meaning(validation_set(made, queries, scorer, model.language), model, made)


def reaching(
    validation,
    monkeypatch,
    start: float,
    recall: tuple[float, ...] | None = None,
    documents: tuple[float, ...] | None = None,
    **of_stratum: tuple[float, ...],
) -> Mapping[str, float]:
    """Let the untrained blends reach `start` on every query, and the grid consist of two blends which reach these
    values in the strata, give or take a little; with the words of the policy the untrained blends reach `recall`,
    with its documents alone `documents`."""
    of_query = validation._by_overlap.of_query
    noise = 0.02 * np.random.default_rng(0).normal(size=len(validation))
    blends = {"typed": TYPED, "meant": MEANT}
    confidence = np.ones(len(validation))
    grid = [
        BlendCandidate(blends[name], np.array(values)[of_query] + noise, confidence)
        for name, values in of_stratum.items()
    ]
    untrained = np.full(len(validation), start)
    recalled, scored = (
        untrained if values is None else np.array(values)[of_query] + noise for values in (recall, documents)
    )
    of_source = {"policy": {"policy": recalled}, "meaning": {"policy": scored, "meaning": untrained}}

    def candidates(blends, read):
        values = [of_source[blend.recall][blend.documents_by] for blend in blends]
        return [BlendCandidate(blend, each, confidence) for blend, each in zip(blends, values, strict=True)]

    monkeypatch.setattr(validation.blends, "candidates", candidates)
    validation.blends.original_ndcg = untrained
    monkeypatch.setattr(type(validation), "_grids", lambda self, queries, units: [list(map(self._ranked, grid))])
    return {name: float(each.ndcg.mean()) for name, each in zip(of_stratum, grid, strict=True)}


def test_the_queries_are_in_the_strata_that_were_planned(validation):
    assert validation._by_overlap.n_queries == list(N_OF_STRATUM)
    assert validation._by_overlap.n_needs == list(N_OF_STRATUM)


def test_pooled_queries_choose_the_typed_words_and_strata_do_not(validation, model, monkeypatch):
    typed, meant = (0.45, 0.45, 0.45, 0.5, 0.66), (0.55, 0.6, 0.6, 0.55, 0.51)
    means = reaching(validation, monkeypatch, 0.5, typed=typed, meant=meant)
    assert means["typed"] > means["meant"] + 0.03
    choice = validation.choose_blend(model.reader())
    assert choice.settings.mixture == MEANT.mixture
    assert choice.settings.recall == "policy"
    assert choice.strata.is_chosen
    assert choice.ndcg == pytest.approx(np.mean(meant), abs=0.01)
    assert choice.original_ndcg == pytest.approx(0.5)
    assert choice.strata.sentence.startswith("Chosen by 5 strata of shared words, each as much: +0.06")
    validation._by_overlap = validation._strata = None
    pooled = validation.choose_blend(model.reader())
    assert (pooled.settings.mixture, pooled.strata) == (TYPED.mixture, None)


def test_a_blend_that_loses_in_a_stratum_that_did_not_choose_it_is_not_used(validation, model, monkeypatch):
    """The gain over all strata is the same as above; where all words are shared, it is a loss."""
    typed, meant = (0.45, 0.45, 0.45, 0.5, 0.5), (0.6, 0.62, 0.62, 0.6, 0.36)
    reaching(validation, monkeypatch, 0.5, typed=typed, meant=meant)
    choice = validation.choose_blend(model.reader())
    assert choice.settings == replace(MEANT_STARTS["balanced"], corrections=validation.corrections)
    assert (choice.strata.is_chosen, choice.strata.best.mixture) == (False, MEANT.mixture)
    assert choice.strata.best.mean == pytest.approx(0.06, abs=0.01)
    (loss,) = choice.strata.losses
    assert (loss.shared, loss.n_queries, loss.counts) == ((0.8, 1.0), 200, True)
    assert loss.left_out.mean == pytest.approx(-0.14, abs=0.01)
    assert 0 < loss.left_out.error < 0.01
    assert [each.left_out.mean > 0 for each in choice.strata.strata[:4]] == [True] * 4
    assert choice.strata.sentence == (
        "The untrained mixture stays: where 80% to 100% of a made query's words stand in the documents it wants, the "
        f"mixture that the other strata choose loses {-loss.left_out.mean:.3f} nDCG@10."
    )


@pytest.mark.parametrize(("mean", "is_loss"), [(0.1, False), (-0.009, False), (-0.011, True)])
def test_a_standard_error_is_a_loss(mean, is_loss):
    assert Gain(None, "meaning", mean, 0.01).is_loss is is_loss


def test_the_untrained_blend_itself_is_no_loss():
    assert not Gain(None, "meaning", 0.0, 0.0).is_loss


def test_what_leads_by_chance_leaves_the_untrained_blend(validation, model, monkeypatch):
    reaching(validation, monkeypatch, 0.5, typed=(0.5,) * 5, meant=(0.5,) * 5)
    choice = validation.choose_blend(model.reader())
    assert choice.settings.mixture == MEANT_STARTS["balanced"].mixture
    assert (choice.strata.best.mixture, choice.strata.best.mean) == (MEANT_STARTS["balanced"].mixture, 0)
    assert choice.strata.sentence == "The untrained mixture stays: no other leads it by strata of shared words."


def test_where_the_weights_stay_the_words_that_were_learned_may_be_read(validation, model, monkeypatch):
    typed, meant = (0.45, 0.45, 0.45, 0.5, 0.5), (0.6, 0.62, 0.62, 0.6, 0.36)
    reaching(validation, monkeypatch, 0.5, (0.53, 0.54, 0.55, 0.54, 0.52), typed=typed, meant=meant)
    choice = validation.choose_blend(model.reader())
    start = MEANT_STARTS["balanced"]
    assert (choice.settings.mixture, choice.settings.recall) == (start.mixture, "policy")
    assert choice.ndcg == pytest.approx(0.536, abs=0.01)
    assert (choice.strata.is_chosen, choice.strata.changes) == (False, True)
    assert choice.strata.recalled.mean == pytest.approx(0.036, abs=0.01)
    assert choice.strata.sentence.startswith("The untrained mixture stays: where 80% to 100% ")
    assert "With the words that were learned it has +0.03" in choice.strata.sentence


def test_where_the_weights_stay_the_documents_alone_may_be_read_as_learned(validation, model, monkeypatch, made):
    typed, meant = (0.45, 0.45, 0.45, 0.5, 0.5), (0.6, 0.62, 0.62, 0.6, 0.36)
    words, documents = (0.51, 0.52, 0.53, 0.52, 0.5), (0.53, 0.54, 0.55, 0.54, 0.52)
    reaching(validation, monkeypatch, 0.5, words, documents, typed=typed, meant=meant)
    choice, start = validation.choose_blend(model.reader()), MEANT_STARTS["balanced"]
    assert choice.settings == replace(start, documents="policy", corrections=validation.corrections)
    assert choice.ndcg == pytest.approx(0.536, abs=0.01)
    assert choice.strata.recalled.documents == "policy"
    assert "With the scores of documents that were learned it has +0.03" in choice.strata.sentence


def test_documents_as_learned_that_lose_in_a_stratum_are_not_read(validation, model, monkeypatch):
    loses = (0.4, 0.54, 0.55, 0.54, 0.6)
    reaching(validation, monkeypatch, 0.5, None, loses, typed=(0.5,) * 5, meant=(0.5,) * 5)
    choice = validation.choose_blend(model.reader())
    assert (choice.settings.documents, choice.strata.recalled) == (None, None)


@pytest.mark.parametrize("recall", [(0.4, 0.54, 0.55, 0.54, 0.6), None])
def test_learned_words_that_lose_in_a_stratum_or_lead_nowhere_are_not_read(recall, validation, model, monkeypatch):
    reaching(validation, monkeypatch, 0.5, recall, typed=(0.5,) * 5, meant=(0.5,) * 5)
    choice = validation.choose_blend(model.reader())
    assert choice.settings.recall == "meaning"
    assert (choice.strata.recalled, choice.strata.changes) == (None, False)


def test_a_trained_model_keeps_what_its_strata_choose(validation, model, monkeypatch):
    """The blend of the model before was not tried in them, however well it does on all queries."""
    reaching(validation, monkeypatch, 0.5, typed=(0.5,) * 5, meant=(0.5,) * 5)
    monkeypatch.setattr(type(validation), "without_gate", lambda *_: BlendChoice(TYPED, 1.0, 0.0))
    choice = never_worse(validation, model.reader(), TYPED, {"balanced": TYPED, "cautious": TYPED})
    assert {caution: blend.mixture for caution, blend in choice.blends.items()} == {
        caution: start.mixture for caution, start in MEANT_STARTS.items()
    }


def test_the_real_grid_is_searched_by_strata(validation, model):
    """Every figure of the record is that of the blend it names."""
    choice = validation.choose_blend(model.reader())
    assert [each.shared for each in choice.strata.strata] == [
        (0.0, 0.2),
        (0.2, 0.4),
        (0.4, 0.6),
        (0.6, 0.8),
        (0.8, 1.0),
    ]
    assert all(each.counts and each.left_out is not None for each in choice.strata.strata)
    start = MEANT_STARTS["balanced"]
    is_start = (choice.settings.mixture, choice.settings.recall) == (start.mixture, start.recall)
    assert is_start is not choice.strata.changes
    scores = validation.best_score(model.reader(), [choice.settings])
    means = [scores.values[validation._by_overlap.of_query == number].mean() for number in range(5)]
    assert choice.ndcg == scores.mean == pytest.approx(np.mean(means))


def test_too_few_strata_choose_nothing_and_say_so(model, monkeypatch, queries, made):
    monkeypatch.setattr(strata, "LEAST_NEEDS", 31)
    scorer = CorpusScorer.of(made, model.language.vocabulary)
    few = read_by_meaning(validation_set(made, queries, scorer, model.language), model, made)
    choice = few.choose_blend(model.reader())
    assert choice.blends == {
        caution: replace(start, corrections=few.corrections) for caution, start in MEANT_STARTS.items()
    }
    assert (choice.strata.best, choice.strata.is_chosen, choice.strata.losses) == (None, False, [])
    assert [each.counts for each in choice.strata.strata] == [False] * 4 + [True]
    assert "as 1 of 5 strata of shared words have" in choice.strata.sentence


def test_the_record_of_a_stage_holds_what_the_strata_chose(validation, model, made, tmp_path, monkeypatch):
    reaching(validation, monkeypatch, 0.5, typed=(0.5,) * 5, meant=(0.6, 0.62, 0.62, 0.6, 0.36))
    choice = validation.choose_blend(model.reader())
    folder = write_stage(made, tmp_path / "warm_start", model, StageOutcome(WarmStartConfig(), choice, {}))
    assert read_stage(folder).strata == choice.strata
    assert read_stage(folder).on_made_queries == choice.strata.sentence
    raised = replace(choice.settings, mixture=replace(choice.settings.mixture, prior=0.05))
    named = replace(read_stage(folder), blend=raised).on_made_queries
    assert named == f"{choice.strata.sentence} Documents that others name are raised, with a weight of 0.05."
    written = json.loads((folder / "stage.json").read_text(encoding="utf-8"))["strata"]
    assert written["best"]["mixture"] == asdict(MEANT.mixture)
    assert written["strata"][4].keys() == {"shared", "n_queries", "n_needs", "counts", "left_out"}
    assert written["strata"][4]["left_out"].keys() == {"mixture", "recall", "documents", "mean", "error"}
    later = StageOutcome.as_chosen(
        WarmStartConfig(), read_stage(folder), {"validation_ndcg": 0.5, "validation_ndcg_original": 0.5}
    )
    assert later.choice.strata == choice.strata


def test_queries_of_people_choose_as_before(tmp_path):
    """The figures are those that the program gave before it knew strata, with a model that scores no documents."""
    real = toy_opened()
    real = real.with_topics(replace(real.collection, queries="real"))
    documents = real.collection.corpus.documents
    real = real.with_vectors(EncodedCorpus.of(documents, FakeEncoder(of_themes), tmp_path))
    model = new_model(real.index, PolicyConfig(d_model=32, d_ff=32, memory_terms=10), real.encoded)
    expected = {
        (): (Mixture(0.2, 0.6), "meaning", 20, 0.643065, 0.166667),
        ("tune", "slow bread"): (Mixture(0.2, 0.6, "fixed"), "meaning", 20, 0.637145, 0.083333),
    }
    for history, values in expected.items():
        asked = [
            JudgedQuery(RewriteRequest(topic.query, history), topic.relevance, need=number % 20)
            for number, topic in enumerate(toy_topics())
        ]
        scorer = CorpusScorer.of(real, model.language.vocabulary)
        people = read_by_meaning(validation_set(real, asked, scorer, model.language, limit=len(asked)), model, real)
        size = len(model.language.vocabulary)
        choice = people.choose_blend(lambda prompts, size=size: np.zeros((len(prompts), size), dtype=np.float32))
        blend = choice.settings
        assert (blend.mixture, blend.recall, blend.expansion_terms) == values[:3]
        assert (choice.ndcg, choice.harmed) == pytest.approx(values[3:], abs=1e-3)
        assert choice.original_ndcg == pytest.approx(0.568964, abs=1e-3)
        assert choice.strata is None
