"""The gymnasium environment on a handful of documents."""

import pytest
from gymnasium.utils.env_checker import check_env

from untilclick.search.click_models.by_name import click_model
from untilclick.search.engines import open_engine
from untilclick.search.errors import DataError
from untilclick.search.records import Corpus, Document, Topic
from untilclick.search.text.term_index import TermIndex
from untilclick.search.users.env import EnvConfig, QuerySessionEnv
from untilclick.search.users.need import NeedReader
from untilclick.search.users.user import SimulatedUser, UserConfig

DOCUMENTS = (
    Document("copy", "Copy files", "Duplicate a file to another folder with permission bits"),
    Document("move", "Déplacer → files", "Rename a file or directory, perhaps to another disk"),
    Document("zip", "Zip\narchives", "Compress a file into one archive and extract it"),
    Document("date", "", "Calendar arithmetic with days, months and years"),
)
TOPICS = [Topic("t1", "duplicate file", {"copy": 1}), Topic("t2", "calendar months", {"date": 1})]


def make(topics=TOPICS, config=None, **settings):
    corpus = Corpus("tiny", DOCUMENTS, "0")
    user = SimulatedUser(UserConfig(**settings), NeedReader(TermIndex.build(corpus)))
    return QuerySessionEnv(topics, open_engine("rank-bm25", corpus), user, config)


CLEAN = {"misspell_share": 0.0, "drop_share": 0.0, "lay_share": 0.0}


@pytest.mark.parametrize("expected", [False, True])
def test_gymnasiums_own_checker_finds_nothing(expected):
    check_env(make(config=EnvConfig(expected=expected)), skip_render_check=True)


def test_the_agent_sees_query_history_titles_and_feedback():
    env = make([TOPICS[0]], give_up_prob=0.0, behaviour="perfect", **CLEAN)
    seen, info = env.reset(seed=1)
    assert info == {"topic_id": "t1"}
    assert seen["query"] == "duplicate file"
    assert seen["history"] == ""
    assert set(seen["titles"].split("\n")) == {"Copy files", "Deplacer  files", "Zip archives"}
    assert "duplicate" in seen["feedback"].split()
    seen, *_ = env.step("nothing of the kind")
    assert seen["history"] == "duplicate file"


def test_keeping_the_query_pays_nothing():
    for keep in ("", "  ", None):
        env = make(behaviour="informational")
        for seed in range(30):
            seen, _ = env.reset(seed=seed)
            _, reward, _, truncated, info = env.step(seen["query"] if keep is None else keep)
            assert reward == 0
            assert not truncated
            assert info["searched"] == seen["query"]


def test_the_reward_is_the_gain_in_reciprocal_rank_of_the_first_click():
    env = make([Topic("t", "file", {"date": 1})], behaviour="perfect", **CLEAN)
    env.reset(seed=3)
    _, reward, terminated, _, info = env.step("calendar")
    assert (reward, terminated) == (1.0, True)
    assert info == {"topic_id": "t", "searched": "calendar", "clicked_ranks": [1], "satisfied": True}
    env = make([Topic("t", "calendar", {"date": 1})], behaviour="perfect", **CLEAN)
    env.reset(seed=3)
    _, reward, _, _, info = env.step("file")
    assert (reward, info["satisfied"]) == (-1.0, False)


def test_the_expected_reward_is_the_click_models():
    env = make([Topic("t", "file", {"date": 1})], config=EnvConfig(expected=True), click_model="cm", **CLEAN)
    env.reset(seed=3)
    _, reward, *_ = env.step("calendar")
    p = click_model("cm", "navigational", 1).attractiveness[0]
    three_irrelevant = p + (1 - p) * p / 2 + (1 - p) ** 2 * p / 3
    assert reward == pytest.approx(0.95 - three_irrelevant)


def test_episodes_end_at_a_satisfying_click_or_when_the_user_gives_up():
    env = make(give_up_prob=0.3)
    endings = set()
    for seed in range(60):
        env.reset(seed=seed)
        terminated, steps = False, 0
        while not terminated:
            _, _, terminated, _, info = env.step("")
            steps += 1
            assert terminated or not info["satisfied"]
        endings.add(info["satisfied"])
        assert steps <= 5
    assert endings == {True, False}
    with pytest.raises(AssertionError, match="reset"):
        env.step("")


def test_no_topics_are_refused():
    with pytest.raises(DataError, match="topics"):
        make([])
