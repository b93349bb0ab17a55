"""Simulated sessions on a ten-document corpus with a BM25 engine of a dozen lines."""

import hashlib

import numpy as np
import pytest

from untilclick.search.analysis.by_name import english
from untilclick.search.click_models.by_name import CLICK_MODELS
from untilclick.search.engines.bm25 import weight_matrix
from untilclick.search.errors import DataError, UntilclickError
from untilclick.search.records import TOPIC_ATTRIBUTE, Document, ScoredDoc, Topic
from untilclick.search.text.term_index import TermIndex
from untilclick.search.users.need import NeedReader
from untilclick.search.users.simulate import SimulateConfig, Tally, simulate_sessions
from untilclick.search.users.user import SimulatedUser, UserConfig

term_of = english().term_of
words = english().words

DOCUMENTS = [
    Document("copy", "Copy files", "Duplicate a file to another folder with permission bits"),
    Document("move", "Move files", "Rename a file or directory, perhaps to another disk"),
    Document("socket", "Sockets", "Network communication endpoints, listen and accept connections"),
    Document("thread", "Threads", "Run functions concurrently in the same process"),
    Document("regex", "Regular expressions", "Match patterns in strings with groups and anchors"),
    Document("json", "JSON", "Encode and decode objects as text for exchange"),
    Document("date", "Dates", "Calendar arithmetic with days, months and years"),
    Document("random", "Random numbers", "Draw samples from distributions with a generator"),
    Document("sqlite", "SQLite", "A small database in one file, queried with SQL"),
    Document("zip", "Zip archives", "Compress files into one archive and extract them"),
]
TOPICS = [
    Topic("t1", "duplicate file permission", {"copy": 2}),
    Topic("t2", "accept network connections", {"socket": 2, "thread": 1}),
    Topic("t3", "match patterns in strings", {"regex": 1}),
    Topic("t4", "calendar arithmetic months", {"date": 2}),
]


class TinyEngine:
    """BM25 by a matrix row per query word; ties by corpus order."""

    name = "tiny"

    def __init__(self, index):
        self.index = index
        self.weights = weight_matrix(index, 1.2, 0.75, quantise=True).toarray()
        self.searched = []

    def search(self, queries, k):
        self.searched += queries
        return [self._search(query, k) for query in queries]

    def _search(self, query, k):
        scores = np.zeros(len(self.index.doc_ids))
        for text, weight in query.clauses:
            for word in words(text):
                if (term := term_of(word)) in self.index.term_ids:
                    scores += weight * self.weights[self.index.term_ids[term]]
        order = np.argsort(-scores, kind="stable")[:k]
        return [ScoredDoc(self.index.doc_ids[i], float(scores[i])) for i in order if scores[i] > 0]


INDEX = TermIndex.from_documents(DOCUMENTS)


def user_of(**settings):
    return SimulatedUser(UserConfig(**settings), NeedReader(INDEX))


def simulate(n=300, seed=1, config=None, topics=TOPICS, engine=None, **settings):
    return list(simulate_sessions(topics, engine or TinyEngine(INDEX), user_of(**settings), n, seed, config))


def test_same_seed_gives_the_same_bytes_and_another_seed_others():
    assert repr(simulate(seed=1)) == repr(simulate(seed=1))
    assert repr(simulate(seed=1)) != repr(simulate(seed=2))


@pytest.mark.parametrize("cache_size", [0, 2, 100])
@pytest.mark.parametrize("batch_size", [1, 7])
def test_sessions_depend_neither_on_the_batch_nor_on_the_cache(batch_size, cache_size):
    assert simulate(60, config=SimulateConfig(batch_size=batch_size, cache_size=cache_size)) == simulate(60)


def test_fewer_sessions_are_the_first_of_more():
    assert simulate(20) == simulate(60)[:20]


def test_a_run_cut_off_can_go_on_where_it_ended():
    assert simulate(20) + simulate(40, config=SimulateConfig(first_number=20)) == simulate(60)


@pytest.mark.parametrize("model", CLICK_MODELS)
@pytest.mark.parametrize("behaviour", ["perfect", "navigational", "informational"])
def test_sessions_end_at_the_first_satisfying_click_or_are_abandoned(model, behaviour):
    """Some users show when they are satisfied: under CM by any click; under PBM or UBM, and if they are perfect, by
    any click on a relevant document."""
    relevance = {topic.topic_id: topic.relevance for topic in TOPICS}
    sessions = simulate(150, click_model=model, behaviour=behaviour)
    for session in sessions:
        satisfying = [
            model == "cm" or relevance[turn.attributes[TOPIC_ATTRIBUTE]].get(click.doc_id, 0) > 0
            for turn in session.turns
            for click in turn.clicks
            if model in {"cm", "pbm", "ubm"} or behaviour == "perfect"
        ]
        assert not any(satisfying[:-1])
        assert len(session.turns) <= 5
        if satisfying and satisfying[-1]:
            assert session.turns[-1].clicks
    assert any(session.clicked for session in sessions)


@pytest.mark.parametrize("model", CLICK_MODELS)
def test_a_navigational_user_who_sees_the_document_on_top_usually_stops_there(model):
    topics = [Topic("t", "calendar arithmetic months", {"date": 1})]
    sessions = simulate(300, topics=topics, click_model=model, misspell_share=0.0, drop_share=0.0)
    first = [s for s in sessions if len(s.turns) == 1 and s.clicked == ("date",)]
    assert len(first) > 200


def test_ids_are_unique_and_turns_in_order_of_time():
    sessions = simulate()
    query_ids = [turn.query_id for session in sessions for turn in session.turns]
    assert len(set(query_ids)) == len(query_ids)
    assert len({session.session_id for session in sessions}) == len(sessions)
    for session in sessions:
        times = [t for turn in session.turns for t in (turn.time, *(click.time for click in turn.clicks))]
        assert times == sorted(times)
        assert [turn.step for turn in session.turns] == list(range(len(session.turns)))
        assert session.source == "simulated"


def test_runs_that_differ_in_seed_topics_or_habits_share_no_session_id():
    runs = [simulate(3), simulate(3, seed=2), simulate(3, topics=TOPICS[:2]), simulate(3, drop_share=0.3)]
    assert len({session.session_id for run in runs for session in run}) == 12


def test_turns_say_whose_need_it_was_and_how_the_query_came_about():
    sessions = simulate()
    assert {turn.attributes[TOPIC_ATTRIBUTE] for s in sessions for turn in s.turns} == {"t1", "t2", "t3", "t4"}
    assert all(s.turns[0].attributes["kind"] == "first" for s in sessions)
    later = {turn.attributes["kind"] for s in sessions for turn in s.turns[1:]}
    assert {"add", "drop", "respell", "substitute"} <= later
    assert sessions[0].turns[0].attributes | {TOPIC_ATTRIBUTE: "", "kind": ""} == {
        TOPIC_ATTRIBUTE: "",
        "kind": "",
        "click_model": "dbn",
        "behaviour": "navigational",
        "seed": 1,
    }


def test_what_is_shown_is_what_the_engine_ranks_and_clicks_carry_its_ranks():
    engine = TinyEngine(INDEX)
    for session in simulate(50):
        for turn in session.turns:
            [ranking] = engine.search([_plain(turn.query)], 10)
            assert turn.shown == tuple(document.doc_id for document in ranking)
            assert turn.rewrite is None
            assert all(turn.shown[click.rank - 1] == click.doc_id for click in turn.clicks)


def _plain(text):
    from untilclick.search.records import WeightedQuery

    return WeightedQuery.of(text)


def test_equal_queries_are_searched_once():
    engine = TinyEngine(INDEX)
    sessions = simulate(400, engine=engine, misspell_share=0.0)
    assert len(engine.searched) == len({turn.query for s in sessions for turn in s.turns})


def test_topics_are_uniform_by_default_and_follow_zipf_when_told():
    def counts(exponent):
        sessions = simulate(2000, config=SimulateConfig(topic_exponent=exponent), max_queries=1)
        return sorted(np.unique([s.turns[0].attributes[TOPIC_ATTRIBUTE] for s in sessions], return_counts=True)[1])

    np.testing.assert_allclose(counts(0.0), [500] * 4, atol=100)
    np.testing.assert_allclose(counts(1.0), np.array([3, 4, 6, 12]) * 80, atol=100)


NO_NEW_HABIT = {"lay_share": 0.0, "describe_share": 0.0, "go_on_prob": 0.0}


@pytest.mark.parametrize(
    ("settings", "digest", "content"),
    [
        ({}, "b4c6ab3a", "ff0f7c21150d4ccf"),
        ({"misspellings": "train", "lay_part": "train"}, "c4845abc", "3cf8c59c7123800c"),
        ({"misspell_share": 0.2, "give_up_prob": 0.1}, "57f512f2", "95a288f01a748363"),
    ],
)
def test_users_without_new_habits_make_the_sessions_of_earlier_versions_without_synonyms(settings, digest, content):
    """Session ids hold a digest of the settings; a log of an earlier version is continued by the same ids."""
    sessions = simulate(300, **NO_NEW_HABIT | settings)
    assert {session.client_id for session in sessions} == {None}
    assert sessions[2].session_id == f"sim-{digest}-1-00000002"
    assert hashlib.sha256(repr(sessions).encode()).hexdigest()[:16] == content


def test_users_may_search_on_after_a_satisfying_click():
    settings = {"topics": [TOPICS[0]], "click_model": "cm", "behaviour": "perfect", "max_queries": 9}
    for go_on_prob in (0.0, 0.4):
        sessions = simulate(600, go_on_prob=go_on_prob, **settings)
        clicked = [turn for session in sessions for turn in session.turns if turn.clicks]
        goes_on = sum(any(turn.clicks for turn in session.turns[:-1]) for session in sessions)
        first_clicks = sum(bool(session.clicked) for session in sessions)
        assert goes_on / first_clicks == pytest.approx(go_on_prob, abs=0.06)
        assert all(len(turn.clicks) == 1 for turn in clicked)
        assert all(turn.attributes["kind"] != "first" for session in sessions for turn in session.turns[1:])


def test_visitors_change_neither_queries_nor_clicks_and_few_of_them_come_often():
    sessions = simulate(1500, config=SimulateConfig(visitors=20))
    assert [_searches(s) for s in sessions] == [_searches(s) for s in simulate(1500)]
    clients, counts = np.unique([s.client_id for s in sessions], return_counts=True)
    assert len(clients) == 20
    shares = 1 / np.arange(1, 21)
    np.testing.assert_allclose(np.sort(counts)[::-1] / 1500, shares / shares.sum(), atol=0.04)
    topics_of_the_most_active = {
        s.turns[0].attributes[TOPIC_ATTRIBUTE] for s in sessions if s.client_id == clients[0]
    }
    assert len(topics_of_the_most_active) == 4


def _searches(session):
    return [(turn.query, turn.shown, [click.doc_id for click in turn.clicks]) for turn in session.turns]


def test_visitors_come_back_in_a_run_that_goes_on():
    config = SimulateConfig(visitors=5, batch_size=7)
    rest = simulate(40, config=SimulateConfig(visitors=5, first_number=20))
    assert simulate(20, config=config) + rest == simulate(60, config=config)


def test_runs_with_other_visitors_share_neither_session_nor_client_ids():
    runs = [simulate(30, config=SimulateConfig(visitors=n)) for n in (0, 3, 4)]
    runs.append(simulate(30, seed=2, config=SimulateConfig(visitors=3)))
    assert len({session.session_id for run in runs for session in run}) == 120
    clients = [{session.client_id for session in run} for run in runs]
    assert not any(a & b for i, a in enumerate(clients) for b in clients[i + 1 :])


def test_a_typed_nothing_finds_nothing_and_is_abandoned():
    [session] = simulate(1, topics=[Topic("t", "", {"date": 1})], max_queries=1)
    assert session.turns[0].query == ""
    assert session.turns[0].shown == ()
    assert session.abandoned


def test_no_sessions_no_topics_and_negative_numbers():
    assert simulate(0) == []
    with pytest.raises(DataError, match="split"):
        simulate(1, topics=[])
    with pytest.raises(UntilclickError, match="-1"):
        simulate(-1)
    with pytest.raises(UntilclickError, match=r"-2 visitors asked for \(simulate\.visitors\)"):
        simulate(1, config=SimulateConfig(visitors=-2))


def test_the_tally_counts_what_passes():
    sessions = simulate(100)
    seen = []
    tally = Tally(seen.append)
    assert list(tally.count(sessions)) == sessions
    summary = tally.summary
    assert seen == list(range(1, 101))
    assert summary.queries == sum(len(s.turns) for s in sessions)
    assert summary.abandoned == sum(not s.clicked for s in sessions)
    assert summary.clicked_at_first_query == sum(bool(s.turns[0].clicks) and len(s.turns) == 1 for s in sessions)
