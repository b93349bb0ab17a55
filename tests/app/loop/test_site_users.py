"""`untilclick simulate --like LOG`, at toy size, by what it prints and writes."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from untilclick.app.cli.main import app
from untilclick.search.log.session_log import SessionLog
from untilclick.search.records import Click, Session, Turn
from untilclick.search.users.site import fit

from benchmarks.live_sessions import as_of_a_person
from tests.app.small_corpus import write_corpus

SECRET = "xylographer"
"""A word that one visitor typed."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Documents, and a log of visitors with words of their own."""
    folder = tmp_path_factory.mktemp("site")
    write_corpus(folder / "documents.jsonl")
    assert call(folder, "--log", "simulated.db", "--sessions", "120", "--set", "user.give_up_prob=0.7").exit_code == 0
    with SessionLog.open(str(folder / "simulated.db")) as log, SessionLog.open(str(folder / "real.db")) as real:
        real.append([replace(as_of_a_person(each), client_id=f"v{i}") for i, each in enumerate(log.sessions())])
        real.append([lay_session(i, "zorgel") for i in range(6)])
        real.append([lay_session(9, SECRET)])
    return folder


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(fit.fit_site, "__defaults__", (60,))


def lay_session(number, query):
    turn = Turn(f"q{number}{query}", 0, query, None, ("d000",), (Click(f"q{number}{query}", "d000", 1, 2.0),), 1.0)
    return Session(f"lay{number}{query}", "live", (turn,), f"lay{number}")


def call(folder, *arguments):
    environment = {"UNTILCLICK_DATA": str(folder / "documents.jsonl"), "COLUMNS": "200"}
    words = [str(folder / each) if each.endswith((".db", ".json")) else each for each in arguments]
    return CliRunner(env=environment).invoke(app, ["simulate", *words])


def said(result):
    assert result.exit_code == 0, result.stderr
    return " ".join(result.stdout.split())


def sessions(folder, name):
    with SessionLog.open(str(folder / name), create=False) as log:
        return list(log.sessions())


def test_the_users_are_printed_kept_and_read_again(folder):
    fitted = said(call(folder, "--log", "like.db", "--sessions", "60", "--like", "real.db"))
    assert "from the log (standard error" in fitted
    assert "default, because" in fitted
    assert "1 word for" in fitted
    assert f"The users are in {folder / 'like.db'}.users.json" in fitted
    content = (folder / "like.db.users.json").read_text(encoding="utf-8")
    assert "zorgel" in content
    again = said(call(folder, "--log", "again.db", "--sessions", "60", "--users", "like.db.users.json"))
    assert again.endswith(fitted.partition("from the documents")[2][-20:])
    assert sessions(folder, "again.db") == sessions(folder, "like.db") != []


def test_no_word_of_fewer_than_three_visitors_leaves_the_log(folder):
    said(call(folder, "--log", "private.db", "--sessions", "200", "--like", "real.db"))
    assert any(SECRET in turn.query for session in sessions(folder, "real.db") for turn in session.turns)
    written = [path for path in folder.iterdir() if path.name.startswith("private.db")]
    assert len(written) >= 3
    assert not [path.name for path in written if SECRET.encode() in path.read_bytes()]


def test_a_setting_takes_the_place_of_what_was_fitted(folder):
    text = said(
        call(folder, "--log", "set.db", "--sessions", "5", "--like", "real.db", "--set", "user.max_queries=1")
    )
    assert "max_queries 1 set; the fit has" in text
    assert {len(session.turns) for session in sessions(folder, "set.db")} == {1}


def test_sessions_of_other_words_do_not_count_as_there(folder):
    """Habits and words decide which sessions a log holds already."""
    file = folder / "words.json"
    said(call(folder, "--log", "words.db", "--sessions", "20", "--like", "real.db", "--users", "words.json"))
    record = json.loads(file.read_text(encoding="utf-8"))
    record["vocabulary"] = {word: [["blimda", 0.5]] for word in record["vocabulary"]}
    file.write_text(json.dumps(record), encoding="utf-8")
    said(call(folder, "--log", "words.db", "--sessions", "20", "--users", "words.json"))
    assert len(sessions(folder, "words.db")) == 40


@pytest.mark.parametrize(
    ("n", "missing"),
    [(5, "The log has 5 sessions with a query, and habits are fitted from 50 on"), (0, "The log has 0")],
)
def test_a_small_log_gives_the_defaults_and_one_sentence(folder, n, missing):
    with SessionLog.open(str(folder / f"few{n}.db")) as log:
        log.append(sessions(folder, "real.db")[:n])
    text = said(call(folder, "--log", f"of{n}.db", "--sessions", "10", "--like", f"few{n}.db"))
    assert missing in text
    assert "the habits are the defaults." in text
    assert len(sessions(folder, f"of{n}.db")) == 10


def test_the_answer_for_programs_holds_every_habit(folder):
    result = call(folder, "--log", "json.db", "--sessions", "5", "--like", "real.db", "--json")
    answer = json.loads(result.stdout)
    assert answer["sessions"] == 5
    by_name = {value["name"]: value for value in answer["users"]}
    assert (by_name["click_model"]["origin"], by_name["vocabulary"]["origin"]) == ("default", "log")


@pytest.mark.parametrize(
    ("option", "file", "message"),
    [
        ("--like", "none.db", "There is no session log at"),
        ("--users", "none.json", "cannot be read"),
        ("--users", "documents.json", "holds no users of a site"),
    ],
)
def test_a_missing_or_wrong_file_is_one_sentence(folder, option, file, message):
    (folder / "documents.json").write_text("{}", encoding="utf-8")
    result = call(folder, "--log", "wrong.db", option, file)
    assert (result.exit_code, message in " ".join(result.stderr.split())) == (2, True)
    assert "Traceback" not in result.stderr
