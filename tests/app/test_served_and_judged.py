"""What is judged is what is served: every part that ranks rewrites ranks them by `rank`."""

import random
from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from untilclick.app.loop import single_search
from untilclick.app.loop.single_search import SingleSearch, search_once
from untilclick.app.service.ranking import Listing, Mode, Side, interleaved, ranked
from untilclick.app.versions.shadow import Shadow, ShownList
from untilclick.rewriter.data.click_judgments import JudgedInput
from untilclick.rewriter.evaluation import judge
from untilclick.rewriter.evaluation.baselines.parameter_choice import ParameterChoice
from untilclick.rewriter.evaluation.session_measures import RewritingEngine
from untilclick.rewriter.evaluation.system_runs import run_system
from untilclick.rewriter.evaluation.systems import RewriterSystem, TypedTopic
from untilclick.rewriter.serving.readings import ranker
from untilclick.rewriter.serving.readings.searched_query import SearchedQuery
from untilclick.search.corpora.load import corpus_of
from untilclick.search.records import ScoredDoc, Topic, WeightedQuery

from tests.app.stand_ins import DOCUMENTS, TableRewriter, toy_engine

QUERY = "delete folder"
K = 10
WITHOUT_A_WORD = "str.split"
"""A document that has no word of the query, nor of its rewrite."""


def served(engine, rewriter):
    return ranked(engine, rewriter._one(QUERY), Listing(Mode.AUTO, K)).ranking


def of_an_experiment(engine, rewriter):
    side = Side(engine, SearchedQuery.of(rewriter._one(QUERY)))
    return interleaved(side, side, Listing(Mode.AUTO, K), random.Random(0)).ranking


def in_the_shadow(engine, rewriter):
    asked = SimpleNamespace(rewrite=lambda query, _: rewriter._one(query))
    shadow = Shadow()
    shadow.run(SimpleNamespace(rewriter=asked, engine=engine), "v", ShownList("q", QUERY, (), ()))
    shadow._pool.shutdown(wait=True)
    return [ScoredDoc(doc_id, 1.0) for doc_id in shadow._lists["q"].ranking]


def in_the_terminal(engine, rewriter):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(single_search, "load_corpus", lambda source: corpus_of(source, DOCUMENTS))
        patch.setattr(SingleSearch, "open_engine", lambda *_: engine)
        patch.setattr(single_search, "open_bundle", lambda *_: rewriter)
        hits = search_once(QUERY, SingleSearch("toy", bundle="bundle"), lambda _: nullcontext()).rewritten
    return [ScoredDoc(hit.doc_id, 1.0) for hit in hits]


def judged(engine, rewriter):
    inputs = [JudgedInput(QUERY, 0, {}, complete=True)]
    contestant = judge.Contestant("version", rewriter, engine)
    return [ScoredDoc(doc_id, 1.0) for doc_id in judge.first_documents(contestant, inputs, 512)[0]]


def evaluated(engine, rewriter):
    topic = TypedTopic(Topic("t", QUERY, {"os.rmdir": 1}), QUERY)
    return run_system(engine, [topic], "ppo", RewriterSystem(rewriter), [()]).rankings[0][:K]


def to_simulated_users(engine, rewriter):
    return RewritingEngine(engine, RewriterSystem(rewriter)).search([WeightedQuery.of(QUERY)], K)[0]


PLACES = [served, of_an_experiment, in_the_shadow, in_the_terminal, judged, evaluated, to_simulated_users]


def ids(ranking):
    return [entry.doc_id for entry in ranking]


@pytest.mark.parametrize("place", PLACES)
def test_every_place_ranks_by_the_words_of_the_rewrite(place):
    engine, rewriter = toy_engine(), TableRewriter()
    expected = ids(engine.search([rewriter._one(QUERY).blend], K)[0])
    assert ids(place(engine, rewriter)) == expected
    assert WITHOUT_A_WORD not in expected


@pytest.mark.parametrize("place", PLACES)
def test_every_place_shows_what_the_ranker_finds_beside_words(place, monkeypatch):
    """The ranker receives the rewrite itself, whatever it tells about documents."""
    engine, rewriter = toy_engine(), TableRewriter()
    by_words, rewrites = ranker._retrieved, []

    def retrieved(engine, queries, k, clauses):
        rewrites.extend(query.rewrite for query in queries)
        first = ScoredDoc(WITHOUT_A_WORD, 99.0)
        return [each._replace(ranking=[first, *each.ranking]) for each in by_words(engine, queries, k, clauses)]

    monkeypatch.setattr(ranker, "_retrieved", retrieved)
    assert ids(place(engine, rewriter))[0] == WITHOUT_A_WORD
    assert rewriter._one(QUERY) in rewrites


def test_parameters_of_baselines_are_chosen_by_the_same_rankings(monkeypatch):
    typed = [TypedTopic(Topic("t", QUERY, {WITHOUT_A_WORD: 1}), QUERY)]
    systems = {"kept": RewriterSystem(TableRewriter({"": ()})), "rewritten": RewriterSystem(TableRewriter())}
    choice = ParameterChoice(toy_engine(), typed)
    assert choice.best(list(systems), systems.get, "default") == "kept"

    def retrieved(engine, queries, k, clauses):
        return [ranker.Retrieved([ScoredDoc(WITHOUT_A_WORD, 1.0)] * query.rewrite.applied) for query in queries]

    monkeypatch.setattr(ranker, "_retrieved", retrieved)
    assert choice.best(list(systems), systems.get, "default") == "rewritten"
