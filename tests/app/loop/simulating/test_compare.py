"""`untilclick simulate --compare` on a small corpus, from the command line."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from untilclick.app.cli.main import app
from untilclick.app.loop import site_users
from untilclick.app.loop.simulating.compare import real_log
from untilclick.search.click_models.pbm import PositionBasedModel
from untilclick.search.log.session_log import SessionLog

from tests.search.clicked_sessions import N_PAIRS, clicked_sessions


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A corpus whose documents are words of the queries, and a real log with other documents."""
    folder = tmp_path_factory.mktemp("compare")
    documents = [
        {"_id": f"d{n}", "title": f"Title {n}", "text": f"Word{n} copies files number{n} into folder{n} quickly."}
        for n in range(40)
    ]
    (folder / "corpus.jsonl").write_text("\n".join(map(json.dumps, documents)), encoding="utf-8")
    real = clicked_sessions(PositionBasedModel((0.4,) * N_PAIRS, (1.0, 0.7, 0.5, 0.2)), 60)
    with SessionLog.open(str(folder / "real.db")) as log:
        log.append(real)
    with SessionLog.open(str(folder / "unclicked.db")) as log:
        log.append(replace(s, turns=tuple(replace(t, clicks=()) for t in s.turns)) for s in real)
    with SessionLog.open(str(folder / "single.db")) as log:
        log.append(real[:1])
    with SessionLog.open(str(folder / "no_queries.db")) as log:
        log.append([])
    return folder


def simulate(folder, *arguments):
    options = ["--data", str(folder / "corpus.jsonl"), "--log", str(folder / "log.db"), "--sessions", "80"]
    return CliRunner(env={"COLUMNS": "140", "NO_COLOR": "1"}).invoke(
        app, ["simulate", *options, *map(str, arguments)]
    )


def again_by_client(session, name):
    """The same session of one client, under another name."""
    turns = [
        replace(turn, query_id=name, clicks=tuple(replace(click, query_id=name) for click in turn.clicks))
        for turn in session.turns[:1]
    ]
    return replace(session, session_id=name, client_id="client", turns=tuple(turns))


def test_the_latest_sessions_are_compared_and_a_click_counts_once(folder, tmp_path, monkeypatch):
    """As in the fit of users: a log may have more sessions than memory."""
    monkeypatch.setattr(site_users, "MOST_READ", 5)
    kept = real_log(str(folder / "real.db"), tmp_path / "p.svg")
    with SessionLog.open(str(folder / "real.db")) as log:
        logged = list(log.sessions())
    assert [each.session_id for each in kept] == [each.session_id for each in logged[-5:]]
    clicked = next(each for each in logged if not each.abandoned)
    with SessionLog.open(str(tmp_path / "twice.db")) as log:
        log.append(again_by_client(clicked, name) for name in ("first", "second"))
    first, second = real_log(str(tmp_path / "twice.db"), tmp_path / "p.svg")
    assert (first.clicked, second.clicked) == (clicked.clicked, ())


def test_a_table_a_plot_and_what_the_corpus_lacks(folder, tmp_path):
    plot = tmp_path / "plot.svg"
    shown = simulate(folder, "--compare", folder / "real.db", "--plot", plot)
    assert shown.exit_code == 0, shown.output
    lines = [line.split("  ")[0] for line in shown.stdout.splitlines()]
    assert lines.index("words in a query") < lines.index("sessions without a click")
    assert "80 simulated sessions beside 60 real ones" in shown.stdout
    assert "outside" in shown.stdout
    assert "Cannot say, changes that keep a word: fewer than two sessions of the log have it." in shown.stdout
    assert plot.read_text(encoding="utf-8").count("</svg>") == 1


def test_the_answer_has_every_number(folder, tmp_path):
    answer = json.loads(
        simulate(folder, "--compare", folder / "real.db", "--plot", tmp_path / "p.png", "--json").stdout
    )
    assert answer["compared"]["n_real"] == 60
    assert answer["compared"]["n_simulated"] == 80
    [length] = [row for row in answer["compared"]["rows"] if row["name"] == "query_length"]
    assert length["by_session"] == {"value": 2.0, "low": 2.0, "high": 2.0}
    assert (tmp_path / "p.png").read_bytes()[:4] == b"\x89PNG"


def test_documents_of_another_engine_are_named(folder, tmp_path):
    """The real log shows d0 to d23 and clicks on them; a corpus of the first ten lacks the rest."""
    few = tmp_path / "few.jsonl"
    few.write_text(
        "\n".join((folder / "corpus.jsonl").read_text(encoding="utf-8").splitlines()[:10]), encoding="utf-8"
    )
    shown = simulate(folder, "--data", few, "--compare", folder / "real.db", "--plot", tmp_path / "p.svg")
    assert shown.exit_code == 0, shown.output
    assert "% of the clicked documents of the real log" in " ".join(shown.stdout.split())


@pytest.mark.parametrize(
    ("log", "plot", "message"),
    [
        ("unclicked.db", "p.svg", "The real log has no click"),
        ("single.db", "p.svg", "The real log has 1 sessions with a query"),
        ("no_queries.db", "p.svg", "The real log has 0 sessions with a query"),
        ("missing.db", "p.svg", "missing.db"),
        ("real.db", "plot.txt", "is no plot file"),
    ],
)
def test_poor_input_is_one_sentence_before_anything_is_simulated(folder, tmp_path, log, plot, message):
    logged = tmp_path / "log.db"
    failed = simulate(folder, "--log", logged, "--compare", folder / log, "--plot", tmp_path / plot)
    assert failed.exit_code == 2
    assert message in " ".join(failed.stderr.split())
    assert not logged.exists()
