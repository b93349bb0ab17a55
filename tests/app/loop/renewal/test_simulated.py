"""Simulated sessions beside the log in a renewal, at toy size."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from untilclick.app.cli.main import app
from untilclick.app.loop.renewal import renew as renewal
from untilclick.app.loop.renewal import simulated
from untilclick.rewriter.data.log_sides import LogSides
from untilclick.rewriter.data.logged_queries import clicked_queries
from untilclick.rewriter.judging.evidence import WITHOUT_SIMULATED, Finding, Verdict
from untilclick.rewriter.proof import evidence as proof_evidence
from untilclick.rewriter.stages.record import read_stage
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.errors import DataError
from untilclick.search.log.session_log import SessionLog
from untilclick.search.records import Click, Session, Turn
from untilclick.search.users.site.site import Site
from untilclick.search.users.user import UserConfig

from benchmarks.live_sessions import as_of_a_person
from tests.app.small_corpus import write_corpus
from tests.app.toy_settings import TOY

pytest.importorskip("torch")


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    """A folder with documents, a log of visitors and one of simulated users, and a run with a base."""
    folder = tmp_path_factory.mktemp("site")
    write_corpus(folder / "documents.jsonl")
    (folder / "toy.toml").write_text(TOY, encoding="utf-8")
    call(folder, "simulate", log="simulated.db")
    with SessionLog.open(str(folder / "simulated.db")) as log, SessionLog.open(str(folder / "live.db")) as live:
        live.append([as_of_a_person(session) for session in log.sessions()])
    return folder


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(renewal, "MIN_CLICKED", 10)


@pytest.fixture
def contests(monkeypatch):
    """Lets the comparison with and without simulated sessions end as the test says; returns the contests."""

    def decide(with_simulated):
        contests = []

        def contest(version, other, opened, sides, judging, *_):
            contests.append((version.name, other.name, sides))
            verdict = with_simulated if other.name == WITHOUT_SIMULATED else Verdict.CANNOT_SAY
            return Finding(other.name, verdict, "nDCG@10", 0.01, (-0.1, 0.1), 0.5, 0.0, 50, 50)

        for module in (renewal, proof_evidence, simulated):
            monkeypatch.setattr(module, "contest", contest)
        finding = Finding("untrained", Verdict.CANNOT_SAY, "nDCG@10", 0.0, (-0.1, 0.1), 0.5, 0.0, 50, 50)
        monkeypatch.setattr(proof_evidence, "contest_in_folds", lambda *_: finding)
        return contests

    return decide


def call(folder, *arguments, log):
    environment = {
        "UNTILCLICK_CONFIG": str(folder / "toy.toml"),
        "UNTILCLICK_DATA": str(folder / "documents.jsonl"),
        "UNTILCLICK_LOG": str(folder / log),
        "UNTILCLICK_MODELS": str(folder / "models"),
        "UNTILCLICK_OUT": str(folder / "run"),
    }
    return CliRunner(env=environment).invoke(app, [str(argument) for argument in arguments])


def renew(folder, sessions, *arguments, log="live.db"):
    settings = ("--set", "ppo.iterations=1", "--set", f"renew.simulated_sessions={sessions}")
    result = call(folder, "renew", *settings, *arguments, log=log)
    assert result.exit_code == 0, result.stderr
    return result.stdout, json.loads((folder / "run" / "renewal.json").read_text(encoding="utf-8"))


def n_pairs_beside(folder, sides):
    """Number of pairs that the warm start learned from beside those of the log."""
    return read_stage(folder / "run" / "warm_start").figures["pairs"] - len(clicked_queries(sides.training))


def test_without_the_setting_none_are_made(base, contests):
    held = contests(Verdict.BETTER)
    said, record = renew(base, 0)
    assert (record["simulated_sessions"], "simulated sessions" in said) == (None, False)
    assert not [each for each in held if each[1] == WITHOUT_SIMULATED]
    assert n_pairs_beside(base, held[0][2]) == 0


def test_a_number_of_them_is_learned_from_and_counted_apart(base, contests):
    held = contests(Verdict.BETTER)
    said, record = renew(base, 40)
    assert record["simulated_sessions"]["sessions"] == 40
    assert (record["simulated_sessions"]["used"], record["simulated_sessions"]["finding"]) == (True, None)
    assert "40 simulated sessions, of users with " in said
    assert "were learned from beside the log's, without a comparison." in said
    users = record["simulated_sessions"]["users"]
    assert set(users) == {"habits_of_log", "words_of_log", "notes"}, "no word of a visitor leaves the log"
    for _, _, sides in held:
        assert n_pairs_beside(base, sides) > 0
        assert {each.source for each in sides.all} == {"live"}
        n_clicked = sum(not each.abandoned for each in sides.all)
        assert record["clicked_sessions"] + record["judged_sessions"] == n_clicked
        assert record["evidence"]["split"]["n_clicked"] == n_clicked


@pytest.mark.parametrize("verdict", [Verdict.BETTER, Verdict.CANNOT_SAY])
def test_auto_uses_them_only_where_the_log_says_that_they_help(base, contests, verdict):
    held = contests(verdict)
    said, record = renew(base, "auto")
    ((version, _, sides),) = [each for each in held if each[1] == WITHOUT_SIMULATED]
    assert version == simulated.TRIAL
    assert sides.judged
    used = verdict is Verdict.BETTER
    fate = record["simulated_sessions"]
    assert (fate["used"], fate["finding"]["verdict"], fate["asked"]) == (used, verdict, "auto")
    assert (n_pairs_beside(base, sides) > 0) == used
    assert ("learned from beside the log's" if used else "left out") in said
    assert "one more training" in said
    assert not (base / "run" / simulated.TRIAL).exists()


@pytest.mark.parametrize("part", ["fit_site", "contest"])
def test_an_error_of_the_trial_leaves_the_finished_training(base, contests, monkeypatch, part):
    held = contests(Verdict.BETTER)

    def fail(*_):
        raise DataError("No need can be made.")

    monkeypatch.setattr(simulated, part, fail)
    said, record = renew(base, "auto")
    assert "No simulated sessions were used: No need can be made." in said
    assert (record["simulated_sessions"]["used"], record["simulated_sessions"]["sessions"]) == (False, 0)
    assert n_pairs_beside(base, held[0][2]) == 0
    assert not (base / "run" / simulated.TRIAL).exists()


def test_sessions_of_simulated_users_get_no_more_of_them(base, contests):
    contests(Verdict.CANNOT_SAY)
    said, record = renew(base, "auto", "--source", "simulated", log="simulated.db")
    assert "No simulated sessions were used: the log's own sessions are those of simulated users." in said
    assert record["simulated_sessions"]["sessions"] == 0


@pytest.mark.parametrize("value", ["-1", "some", "1.5"])
def test_anything_but_auto_and_a_number_is_refused(base, value):
    result = call(base, "renew", "--set", f"renew.simulated_sessions={value}", log="live.db")
    assert (result.exit_code, "give auto, or how many sessions" in " ".join(result.stderr.split())) == (2, True)


def test_the_words_of_simulated_users_come_from_the_sessions_that_are_learned_from(base):
    """`zorgel` of three visitors on the judged side is typed by no simulated user, and by some if it is learned."""
    opened = OpenedCollection.load(str(base / "documents.jsonl"))
    site = Site(opened.collection.corpus, opened.index, opened.engine)
    simulation = simulated.SiteSimulation(site, UserConfig(misspell_share=0.0), 200)
    with SessionLog.open(str(base / "live.db"), create=False) as log:
        sessions = list(log.sessions())
    wanted = site.splits["train"][0].topic_id
    turn = Turn("q", 0, "zorgel", None, (wanted,), (Click("q", wanted, 1, 2.0),), 1.0)
    judged = tuple(Session(f"lay{number}", "live", (turn,), f"v{number}") for number in range(6))
    training = tuple(session for session in sessions if session.clicked)
    sides = LogSides(training, (), judged, {}, opened.analysis, None, simulation=simulation)

    def typed(sides):
        return {word for each in sides.simulated for turn in each.turns for word in turn.query.split()}

    assert "zorgel" not in typed(sides)
    assert "zorgel" in typed(sides.to_learn_from(sides.all))
    assert all(not turn.attributes for each in sides.simulated for turn in each.turns), "none names its topic"
