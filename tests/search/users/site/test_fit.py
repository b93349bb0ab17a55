"""The users of a site from its log; poor logs leave the defaults and a sentence."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from untilclick.search.analysis.by_name import english
from untilclick.search.corpora.load import load_collection
from untilclick.search.engines import open_engine
from untilclick.search.errors import DataError
from untilclick.search.records import TOPIC_ATTRIBUTE, Click, Session, Turn
from untilclick.search.text.term_index import TermIndex
from untilclick.search.users.site.fit import fit_site
from untilclick.search.users.site.site import Site
from untilclick.search.users.site.users import SiteUsers
from untilclick.search.users.user import UserConfig

from tests.app.small_corpus import write_corpus

DEFAULTS = UserConfig()
LAVISH = replace(DEFAULTS, give_up_prob=0.9, misspell_share=0.0)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    corpus = load_collection(str(write_corpus(tmp_path_factory.mktemp("site") / "documents.jsonl"))).corpus
    index = TermIndex.build(corpus)
    return Site(corpus, index, open_engine("tantivy", corpus))


@pytest.fixture(scope="module")
def log(site):
    """Sessions of impatient people who spell well, each of a visitor of its own."""
    sessions = site.sessions(LAVISH, None, 300)
    return [replace(session, client_id=f"v{number}") for number, session in enumerate(sessions)]


@pytest.fixture(scope="module")
def users(site, log):
    return fit_site(site, log, DEFAULTS, n_simulated=200)


def values(users):
    return {value.name: value for value in users.values}


def test_the_habits_of_the_log_are_drawn_to_its_people(users):
    assert users.config.give_up_prob > DEFAULTS.give_up_prob + 0.2
    assert values(users)["give_up_prob"].origin == "log"
    assert (users.n_sessions, users.notes) == (300, ())
    told, kept = values(users)["give_up_prob"], values(users)["click_model"]
    assert (told.standard_error is None, kept.origin) == (False, "default")
    assert str(kept).startswith("click_model dbn: default, because ")


def test_what_the_visitors_say_is_part_of_the_users(site, log):
    wanted = next(each for each in log if each.clicked).clicked[0]
    typed = Turn("q", 0, "zorgel", None, (wanted,), (Click("q", wanted, 1, 2.0),), 1.0)
    lay = [Session(f"lay{number}", "live", (typed,), f"lay{number}") for number in range(6)]
    users = fit_site(site, [*log[:40], *lay], DEFAULTS)
    assert users.vocabulary.n_lay_words == 1
    assert values(users)["vocabulary"].origin == "log"
    concept = users.vocabulary.concepts[0].word
    assert [each.text for each in site.user(DEFAULTS, users.vocabulary)._naming._vocabulary.of(concept)] == ["zorgel"]


def clickless(session):
    return replace(session, turns=tuple(replace(turn, clicks=()) for turn in session.turns))


def of_another_corpus(session):
    def renamed(turn):
        clicks = tuple(replace(click, doc_id=f"x{click.doc_id}") for click in turn.clicks)
        return replace(turn, shown=tuple(f"x{doc_id}" for doc_id in turn.shown), clicks=clicks)

    return replace(session, turns=tuple(map(renamed, session.turns)))


POOR = {
    "no session": (lambda _log: [], "The log has 0 sessions with a query, and habits are fitted from 50 on"),
    "five sessions": (lambda log: log[:5], "The log has 5 sessions with a query, and habits are fitted from 50 on"),
    "no clicks": (
        lambda log: [clickless(each) for each in log],
        "0 sessions of the log have a click, and habits are fitted from 30 on",
    ),
    "another corpus": (
        lambda log: [of_another_corpus(each) for each in log],
        "documents that the log's visitors clicked are among these documents, and habits are fitted if half of them",
    ),
    "empty queries": (
        lambda log: [replace(each, turns=tuple(replace(turn, query=" ") for turn in each.turns)) for each in log],
        "The log has 0 sessions with a query",
    ),
}


@pytest.mark.parametrize("kind", POOR)
def test_a_poor_log_leaves_the_defaults_and_says_what_is_missing(site, log, kind):
    make, said = POOR[kind]
    users = fit_site(site, make(log), DEFAULTS)
    (note,) = users.notes
    assert said in note
    assert (users.config, users.vocabulary.concepts) == (DEFAULTS, ())
    assert {value.origin for value in users.values} == {"default"}
    assert all(value.reason for value in users.values)


def test_sessions_that_are_all_the_same_are_no_error(site):
    doc_id = site.corpus.documents[0].doc_id
    turn = Turn("q", 0, "bicycle wheel", None, (doc_id,), (Click("q", doc_id, 1, 2.0),), 1.0)
    users = fit_site(site, [Session(f"s{number}", "live", (turn,)) for number in range(60)], DEFAULTS, 100)
    assert users.n_sessions == 60
    assert all(value.reason for value in users.values)


def test_users_in_a_file_are_read_again(users, tmp_path):
    path = tmp_path / "users.json"
    users.write(path)
    assert SiteUsers.read(path, english()) == users
    assert set(users.habits) == set(vars(DEFAULTS)) - {"misspellings", "lay_part"}


def test_a_file_of_an_earlier_build_lacks_a_habit_and_one_of_a_later_build_has_another(users, tmp_path):
    path = tmp_path / "users.json"
    users.write(path)
    record = json.loads(path.read_text(encoding="utf-8"))
    del record["user"]["describe_share"]
    record["user"]["left_handed_share"] = 0.1
    path.write_text(json.dumps(record), encoding="utf-8")
    read = SiteUsers.read(path, english()).config
    assert read == replace(users.config, describe_share=DEFAULTS.describe_share)


@pytest.mark.parametrize(
    "content",
    [None, "", "{}", "[]", '{"format": 2, "sessions": 0, "notes": [], "user": {}, "values": [], "vocabulary": {}}'],
)
def test_any_other_file_is_refused_with_its_name_and_the_remedy(tmp_path, content):
    path = tmp_path / "users.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=r"users\.json.*Fit the users again with `untilclick simulate --like LOG`"):
        SiteUsers.read(path, english())


@pytest.mark.parametrize("split", ["train", "test"])
def test_sessions_of_a_split_look_for_its_topics_alone(site, split):
    sessions = site.sessions(DEFAULTS, None, 100, split)
    wanted = {session.turns[0].attributes[TOPIC_ATTRIBUTE] for session in sessions}
    assert wanted
    assert wanted <= {topic.topic_id for topic in site.splits[split]}
