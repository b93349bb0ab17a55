"""Training from clicks reads no judgment: neither what is learned nor what is chosen depends on one."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from untilclick.rewriter.config import LearnFrom
from untilclick.rewriter.data.click_rates import rated_queries
from untilclick.rewriter.data.log_sides import LogSides
from untilclick.rewriter.data.logged_queries import JudgedQuery
from untilclick.rewriter.flat_settings import changed
from untilclick.rewriter.judging.sides import SplitKey
from untilclick.rewriter.ppo_config import RewardName
from untilclick.rewriter.rewrite import RewriteRequest
from untilclick.rewriter.stages.input import Sources
from untilclick.rewriter.stages.ppo_input import PPOInput, graded_by_clicks
from untilclick.rewriter.training.held_out import rated_held_out
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.records import Collection

from tests.rewriter.toy_learning import (
    DOCUMENTS_PER_THEME,
    TOY_BASE,
    TOY_POLICY,
    TOY_PPO,
    TOY_WARM_START,
    toy_corpus,
    toy_sessions,
    toy_topics,
)
from tests.rewriter.toy_stages import run_base, run_ppo, run_warm_start

TOPICS = toy_topics()


def _with_theme(session):
    """The session with all documents of its theme as the first list: validation by clicks orders them."""
    theme = session.session_id.split("-")[0]
    shown = tuple(f"{theme}-{number}" for number in range(DOCUMENTS_PER_THEME))
    return replace(session, turns=(replace(session.turns[0], shown=shown), *session.turns[1:]))


SESSIONS = tuple(map(_with_theme, toy_sessions(TOPICS, each=1)))
NEEDS = {session.session_id: number for number, session in enumerate(SESSIONS)}
LEARNED = (".safetensors", ".npz", ".txt", ".json")
PPO = changed(TOY_PPO, validate_every=1, iterations=4, reward="hindsight")
BY_CLICKS = replace(TOY_WARM_START, validate_by="clicks")


def _opened(shift: int) -> OpenedCollection:
    """The toy collection whose topics have the judgments of the topics `shift` places further on, in two grades."""
    wanted = [topic.relevance for topic in TOPICS]
    moved = [wanted[(place + shift) % len(wanted)] for place in range(len(wanted))]
    graded = [dict.fromkeys(relevance, 2 if shift else 1) for relevance in moved]
    topics = tuple(replace(topic, relevance=grades) for topic, grades in zip(TOPICS, graded, strict=True))
    return OpenedCollection.of(
        Collection(toy_corpus(), {"train": topics[:18], "dev": topics[18:]}, "made"), "tantivy"
    )


def _sides(opened: OpenedCollection) -> LogSides:
    return LogSides(SESSIONS[:18], SESSIONS[18:], (), NEEDS, opened.analysis, None)


def _content(folder):
    """The learned files of a stage, and its record without the fingerprint of the collection's topics."""
    files = {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.name.endswith(LEARNED)}
    record = json.loads(files.pop("stage.json"))
    return files, {name: record[name] for name in ("blend", "blends", "figures") if name in record}


def _trained(opened, run, warm_start, ppo):
    run_warm_start(opened, run, _sides(opened), warm_start)
    run_ppo(opened, run, _sides(opened), ppo)
    return [_content(run / stage) for stage in ("warm_start", "ppo")]


@pytest.fixture(scope="module")
def collections():
    return _opened(0), _opened(5)


@pytest.fixture(scope="module")
def started(collections, tmp_path_factory):
    """A run folder with a warm start, which has read no judgment."""
    run = tmp_path_factory.mktemp("started")
    run_base(collections[0], run, TOY_POLICY, TOY_BASE)
    run_warm_start(collections[0], run, _sides(collections[0]), BY_CLICKS)
    return run


@pytest.fixture
def runs(collections, tmp_path):
    """Two run folders with one base."""
    run_base(collections[0], tmp_path / "a", TOY_POLICY, TOY_BASE)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    return tmp_path / "a", tmp_path / "b"


@pytest.mark.slow
def test_other_judgments_leave_what_is_learned_from_clicks_as_it_is(collections, runs):
    ppo = changed(PPO, learn_from="clicks")
    one, other = (_trained(opened, run, BY_CLICKS, ppo) for opened, run in zip(collections, runs, strict=True))
    assert one == other
    assert one[0][0] != one[1][0], "PPO has changed the weights of its warm start"


@pytest.mark.parametrize("reward", get_args(RewardName))
def test_other_judgments_change_no_reward_from_clicks(collections, started, reward):
    """But rewards from judgments, except `hindsight`, which reads clicks in any case."""
    gains = {}
    for learn_from in get_args(LearnFrom):
        ppo = changed(PPO, learn_from=learn_from, reward=reward)
        inputs = [_input(opened, started, ppo) for opened in collections]
        gains[learn_from] = [{query.query.request: gain for query, gain in _gains(each)} for each in inputs]
        if learn_from == "clicks":
            assert inputs[0].held_out == inputs[1].held_out != ()
            validated = [each.start.score(each.start.policy).mean for each in inputs]
            assert validated[0] == validated[1]
    assert gains["clicks"][0] == gains["clicks"][1]
    assert any(gains["clicks"][0].values())
    assert (gains["judgments"][0] == gains["judgments"][1]) == (reward == "hindsight")


def test_rewards_from_clicks_read_ten_ranks_and_find_clicked_documents_alone(collections, started):
    """Though found documents are configured down to rank 400."""
    opened, run = collections[0], started
    inputs = {
        name: _input(opened, run, changed(PPO, learn_from=name, found_depth=400)) for name in get_args(LearnFrom)
    }
    batches = {name: _rewards(ppo_input) for name, ppo_input in inputs.items()}
    found = {name: _found(batch, opened) for name, batch in batches.items()}
    clicked = [query.query.relevance.keys() for query in inputs["clicks"].training]
    assert any(found["clicks"])
    assert all(documents <= of for documents, of in zip(found["clicks"], clicked, strict=True))
    assert sum(map(len, found["judgments"])) > sum(map(len, found["clicks"]))
    assert {query.query.request: query.query.relevance for query in inputs["clicks"].training} == {
        query.request: query.relevance for query in graded_by_clicks(rated_queries(SESSIONS[:18]))
    }
    paid = {name: batch.rewritten > 0 for name, batch in batches.items()}
    assert paid["clicks"].tolist() == list(map(bool, found["clicks"]))
    assert not paid["clicks"].all()
    assert paid["judgments"].sum() > paid["clicks"].sum(), "judgments pay for documents below rank 10, too"
    held_out = [query.query for query in inputs["clicks"].held_out]
    assert held_out
    assert all(query in graded_by_clicks(rated_held_out(_sides(opened))) for query in held_out)


def _input(opened, run, config):
    return PPOInput.read(Sources(opened, _sides(opened), SplitKey.of_seed(1)), run, config)


def _gains(ppo_input):
    return zip(ppo_input.training, _rewards(ppo_input).gain.tolist(), strict=True)


def _rewards(ppo_input):
    """The rewards of one arbitrary term, added to each training query."""
    rows = np.arange(len(ppo_input.training))
    ids = np.full((rows.size, 1), 10)
    return ppo_input.environment().rewards(rows, ids, np.ones_like(ids, dtype=bool), np.random.default_rng(0))


def _found(batch, opened):
    """The documents found for each query."""
    documents = opened.collection.corpus.documents
    return [
        {documents[row].doc_id for row, weight in zip(*pair, strict=True) if weight}
        for pair in zip(batch.found_documents.rows, batch.found_documents.weights, strict=True)
    ]


def test_clicks_per_examination_become_whole_grades():
    """A rate above 1 counts as one click at every examination; the lowest rate still counts as clicked."""
    rated = JudgedQuery(RewriteRequest("bread"), {"d1": 1.5, "d2": 0.5, "d3": 1e-4})
    assert graded_by_clicks([rated])[0].relevance == {"d1": 100.0, "d2": 50.0, "d3": 1.0}
