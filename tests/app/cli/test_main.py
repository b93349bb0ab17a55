"""The command line as a user meets it: help, mistakes, settings, and answers for machines."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from typer.testing import CliRunner

from untilclick.app.cli.main import COMMANDS as MAIN_COMMANDS
from untilclick.app.cli.main import EXTRAS, INTERRUPTED, app
from untilclick.app.cli.serve import service_settings
from untilclick.app.settings.commands import CommandSettings, SettingsFile
from untilclick.search.errors import UntilclickError
from untilclick.search.log.session_log import SessionLog
from untilclick.search.records import Turn

from tests.app.small_corpus import write_corpus
from tests.app.toy_bundles import toy_bundle
from tests.search.session_records import log_turns

COMMANDS = [
    ("demo",),
    ("simulate",),
    ("train",),
    ("train", "base"),
    ("train", "warm-start"),
    ("train", "ppo"),
    ("train", "offline"),
    ("train", "mean"),
    ("train", "final"),
    ("evaluate",),
    ("export",),
    ("renew",),
    ("index",),
    ("serve",),
    ("search",),
    ("explain",),
    ("changes",),
    ("log",),
    ("log", "stats"),
    ("log", "audit"),
    ("log", "fit-clicks"),
    ("log", "export"),
    ("log", "import"),
]
"""Every command there is."""


@pytest.fixture
def corpus(tmp_path):
    return write_corpus(tmp_path / "documents.jsonl")


@pytest.fixture
def run(monkeypatch):
    """Call the command line; `environment` is added to an environment without settings."""

    def call(*arguments, **environment):
        runner = CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1", **environment})
        return runner.invoke(app, [str(argument) for argument in arguments])

    return call


def _simulated(run, corpus, log, *more, **environment):
    return run("simulate", "--data", corpus, "--log", log, "--json", *more, **environment)


@pytest.mark.parametrize("command", [(), *COMMANDS])
def test_every_help_text_has_an_example_that_calls_the_command(run, command):
    shown = run(*command, "--help")
    assert shown.exit_code == 0
    assert f"Example: untilclick {' '.join(command)}".strip() in " ".join(shown.output.split())


def test_paragraphs_of_help_texts_flow(run):
    """The lines of a docstring once broke in the help as they do in the source, in all paragraphs but the first."""
    assert "has learned stays; otherwise the version" in run("renew", "--help").stdout


def test_brackets_in_help_texts_are_no_markup(run):
    assert "in the table [service] of the settings file" in run("serve", "--help").stdout


def test_the_commands_are_the_documented_ones(run):
    from typer.main import get_command

    tree = get_command(app)
    commands = {(name,) for name in tree.commands}
    commands |= {
        (name, child) for name, command in tree.commands.items() for child in getattr(command, "commands", {})
    }
    assert commands == set(COMMANDS)


_WITHOUT_TORCH = """
import json, sys

class NotInstalled:
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "transformers"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, NotInstalled)
from untilclick.app.cli.main import main
sys.argv = ["untilclick", *json.loads(sys.argv[1])]
try:
    main()
finally:
    print(json.dumps(sorted({"torch", "transformers", "numpy", "tantivy"} & set(sys.modules))))
"""


def _call_without_torch(*arguments):
    """Call the command line on an install without torch: the process, and the heavy modules that it loaded."""
    arguments_json = json.dumps([str(argument) for argument in arguments])
    command = [sys.executable, "-W", "ignore", "-c", _WITHOUT_TORCH, arguments_json]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return result, json.loads(result.stdout.splitlines()[-1])


@pytest.mark.parametrize("command", [(), ("train", "ppo"), ("demo",), ("renew",), ("serve",)])
def test_help_needs_no_torch_and_loads_neither_numpy_nor_an_engine(command):
    result, loaded = _call_without_torch(*command, "--help")
    assert (result.returncode, loaded) == (0, [])
    assert "Usage:" in result.stdout


def test_help_lists_the_commands_in_the_order_of_their_work(run):
    shown = [line.split()[1] for line in run("--help").output.splitlines() if line.startswith("│ ")]
    assert [word for word in shown if word in MAIN_COMMANDS] == list(MAIN_COMMANDS)


def test_a_users_mistake_is_one_sentence_on_stderr_and_status_2(run, tmp_path):
    failed = run("simulate", "--data", "nowhere.jsonl", "--log", tmp_path / "log.db")
    assert failed.exit_code == 2
    assert failed.stdout == ""
    assert failed.stderr.startswith("untilclick: nowhere.jsonl: no such file or folder. ")
    assert failed.stderr.count("\n") == 1
    assert not (tmp_path / "log.db").exists()


def test_an_unknown_option_is_status_2(run):
    assert run("simulate", "--sesions", "3").exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("log", "stats", "--log", "missing.db"), "There is no session log at missing.db"),
        pytest.param(
            ("train", "ppo", "--log", "a.db", "--out", "a", "--backend", "trlx"),
            "or use --backend builtin",
            marks=pytest.mark.skipif(find_spec("trlx") is not None, reason="trlX is installed"),
        ),
        (("export", "--model", "missing", "--out", "bundle"), "missing holds no trained model"),
        (("evaluate", "--model", "missing", "--out", "there"), "missing holds no trained model"),
        (("demo", "--set", "ppo.iteratons=3"), "Did you mean iterations?"),
        (("demo", "--set", "ppo.iterations=many"), "--set ppo.iterations is 'many'"),
        (("demo", "--set", "iterations=3"), "is not TABLE.FIELD=VALUE"),
        (("demo", "--set", "evaluate.split=train"), "evaluate has no such setting"),
    ],
)
def test_mistakes_name_what_is_wrong_and_what_to_do(run, arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    failed = run(*arguments)
    assert (failed.exit_code, failed.stdout) == (2, "")
    assert message in failed.stderr


@pytest.mark.parametrize(
    "command",
    [
        ("train", "base", "--out", "run"),
        ("evaluate", "--model", "run", "--out", "results"),
        ("renew", "--log", "log.db", "--models", "models", "--out", "run"),
        ("demo", "--no-serve", "--out", "run"),
    ],
)
def test_a_missing_extra_says_how_to_install_it(command):
    result, _ = _call_without_torch(*command)
    assert result.returncode == 2
    assert result.stderr == (
        "untilclick: The package torch is not installed. Install it with: pip install 'untilclick[train]'\n"
    )


def test_a_mistake_in_the_settings_is_named_before_torch_is_loaded():
    result, loaded = _call_without_torch("train", "ppo", "--log", "a.db", "--out", "a", "--set", "ppo.iteratons=3")
    assert (result.returncode, loaded) == (2, [])
    assert "Did you mean iterations?" in result.stderr


def test_every_extra_named_is_one_of_the_package():
    import tomllib

    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert EXTRAS.keys() <= project["optional-dependencies"].keys()


def test_control_c_is_status_130_and_one_sentence(run, monkeypatch, corpus, tmp_path):
    def interrupted(*_arguments, **_named):
        raise KeyboardInterrupt

    monkeypatch.setattr("untilclick.search.corpora.opened.load_collection", interrupted)
    stopped = _simulated(run, corpus, tmp_path / "log.db")
    assert stopped.exit_code == 130
    assert stopped.stderr == f"untilclick: {INTERRUPTED}\n"


def test_simulate_shows_sessions_as_people_read_them(run, corpus, tmp_path):
    log = tmp_path / "log.db"
    simulated = run("simulate", "--data", corpus, "--log", log, "--sessions", 9, "--show", 3)
    assert simulated.exit_code == 0, simulated.stderr
    lines = simulated.stdout.splitlines()
    assert [line[:2] for line in lines if line[0].isdigit()][:3] == ["1.", "2.", "3."]
    assert sum(line.startswith("   > ") for line in lines) >= 3
    more = run("simulate", "--data", corpus, "--log", log, "--sessions", 9, "--show", 30)
    assert sum(line.startswith("9. ") for line in more.stdout.splitlines()) == 1


def test_simulate_answers_machines_with_one_object_and_goes_on_where_it_was(run, corpus, tmp_path):
    log = tmp_path / "log.db"
    first = json.loads(_simulated(run, corpus, log, "--sessions", 20).stdout)
    more = json.loads(_simulated(run, corpus, log, "--sessions", 30).stdout)
    assert (first["there_before"], first["sessions"]) == (0, 20)
    assert (more["there_before"], more["sessions"]) == (20, 10)
    at_once = tmp_path / "at_once.db"
    _simulated(run, corpus, at_once, "--sessions", 30)
    exported = []
    for source in (log, at_once):
        out = tmp_path / f"{source.stem}.jsonl"
        assert run("log", "export", "--log", source, "--format", "jsonl", "--out", out).exit_code == 0
        exported.append(out.read_bytes())
    assert exported[0] == exported[1]


def test_simulate_saves_its_settings_beside_the_log(run, corpus, tmp_path):
    _simulated(run, corpus, tmp_path / "log.db", "--sessions", 5, "--click-model", "cm")
    saved = json.loads((tmp_path / "log.db.simulated.jsonl").read_text())
    assert saved["settings"]["sessions"] == 5
    assert saved["settings"]["user"]["click_model"] == "cm"
    assert saved["settings"]["user"]["misspellings"] == "train"
    assert (saved["figures"]["there"], saved["figures"]["added"]["sessions"]) == (0, 5)


def test_without_the_option_the_click_model_of_the_settings_is_kept(run, corpus, tmp_path):
    """The option's default used to overrule `[user] click_model`, which the demo obeyed."""
    _simulated(run, corpus, tmp_path / "log.db", "--sessions", 2, "--set", "user.click_model=pbm")
    saved = json.loads((tmp_path / "log.db.simulated.jsonl").read_text())
    assert saved["settings"]["user"]["click_model"] == "pbm"


def test_options_come_before_environment_before_file_before_default(run, corpus, tmp_path):
    """Each source alone, then all of them: the settings saved beside the log say which won."""
    file = tmp_path / "settings.toml"
    file.write_text("sessions = 3\nseed = 7\n[user]\nmax_queries = 2\ngive_up_prob = 0.5\n", encoding="utf-8")

    def used(*options, **environment):
        log = tmp_path / "log.db"
        saved = log.with_name("log.db.simulated.jsonl")
        for old in tmp_path.glob("log.db*"):
            old.unlink()
        result = _simulated(run, corpus, log, "--config", file, *options, **environment)
        assert result.exit_code == 0, result.stderr
        settings = json.loads(saved.read_text())["settings"]
        user = settings["user"]
        return settings["sessions"], settings["seed"], user["max_queries"], user["give_up_prob"]

    assert used() == (3, 7, 2, 0.5)
    environment = {"UNTILCLICK_SESSIONS": "4", "UNTILCLICK_USER_MAX_QUERIES": "3"}
    assert used(**environment) == (4, 7, 3, 0.5)
    assert used("--sessions", 5, "--set", "user.max_queries=4", **environment) == (5, 7, 4, 0.5)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("sesions = 3", "no option is called 'sesions'. Did you mean sessions?"),
        ("[pop]\niterations = 3", "no table is called 'pop'. Did you mean ppo?"),
        ("sessions = ", "is not TOML"),
        ("[user]\nmax_queries = 'few'", "settings.toml: user.max_queries is 'few'"),
        ("[user]\npatience = 3", "settings.toml: user.patience: user has no such setting"),
    ],
)
def test_a_wrong_settings_file_is_named_with_what_is_wrong(run, corpus, tmp_path, content, message):
    (tmp_path / "settings.toml").write_text(content, encoding="utf-8")
    failed = _simulated(run, corpus, tmp_path / "log.db", "--config", tmp_path / "settings.toml")
    assert failed.exit_code == 2
    assert message in failed.stderr


def test_log_stats_export_and_import_agree(run, corpus, tmp_path):
    log = tmp_path / "log.db"
    _simulated(run, corpus, log, "--sessions", 15)
    stats = json.loads(run("log", "stats", "--log", log, "--json").stdout)
    assert stats["total"]["sessions"] == 15
    assert "clicked at first query" in run("log", "stats", "--log", log).stdout
    for file_format, path in (("ubi", tmp_path / "files"), ("jsonl", tmp_path / "file.jsonl")):
        copy = tmp_path / f"{file_format}.db"
        assert run("log", "export", "--log", log, "--out", path, "--format", file_format).exit_code == 0
        imported = run("log", "import", path, "--log", copy, "--format", file_format, "--json")
        assert json.loads(imported.stdout)["sessions"] == 15
        assert json.loads(run("log", "stats", "--log", copy, "--json").stdout) == stats


def test_log_audit_lists_programs(run, tmp_path):
    log = tmp_path / "log.db"
    with SessionLog.open(str(log)) as opened:
        for i in range(12):
            regular, other = (
                Turn(f"{name}{i}", 0, "moon", None, ("a",), (), time)
                for name, time in (("q", 60.0 * i), ("r", 7.0 * i * i))
            )
            log_turns(opened, f"s{i}", regular, client_id="a program")
            log_turns(opened, f"p{i}", other, client_id=f"person {i}")
    assert "a query every 60.0 s" in run("log", "audit", "--log", log).stdout
    (suspect,) = json.loads(run("log", "audit", "--log", log, "--json").stdout)["suspects"]
    assert (suspect["visitor"], suspect["queries"]) == ("a program", 12)
    with SessionLog.open(str(tmp_path / "empty.db")):
        pass
    assert "No visitor in this log looks automated." in run("log", "audit", "--log", tmp_path / "empty.db").stdout


def test_search_without_a_bundle_shows_what_the_engine_finds(run, corpus):
    shown = run("search", "violin concert", "--data", corpus, "--engine", "rank-bm25")
    assert shown.exit_code == 0
    titles, queries, *_ = shown.stdout.splitlines()
    assert (titles.strip(), queries.strip()) == ("as typed", "violin concert")
    answer = json.loads(run("search", "violin concert", "--data", corpus, "--k", 3, "--json").stdout)
    assert [hit["rank"] for hit in answer["original"]] == [1, 2, 3]
    assert answer["rewrite"] is None
    assert "Nothing found." in run("search", "xylophone", "--data", corpus).stdout


@pytest.mark.parametrize("damage", [Path.unlink, lambda file: file.write_text("other")], ids=["missing", "changed"])
def test_search_without_the_encoder_of_its_bundle_ends_with_a_sentence(run, corpus, tmp_path, damage):
    toy_bundle(tmp_path / "bundle", "moon", encoder=True)
    damage(tmp_path / "bundle" / "encoder" / "model.bin")
    failed = run("search", "violin concert", "--data", corpus, "--bundle", tmp_path / "bundle")
    assert failed.exit_code == 2
    assert "encoder/model.bin is missing or was changed after export; export it again" in " ".join(
        failed.stderr.split()
    )


def test_progress_goes_to_stderr_and_stdout_holds_one_object(run, corpus, tmp_path):
    result = _simulated(run, corpus, tmp_path / "log.db", "--sessions", 5)
    assert result.stdout.count("\n") == 1
    assert "5 sessions logged" in result.stderr


def test_a_place_that_cannot_be_written_is_a_users_mistake(run, corpus, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    failed = run("demo", "--data", corpus, "--out", tmp_path / "file" / "run", "--no-serve")
    assert failed.exit_code == 2
    assert "Not a directory" in failed.stderr


@pytest.mark.parametrize("command", ["demo", "serve"])
def test_a_taken_port_is_found_before_anything_is_begun(run, corpus, tmp_path, command):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        failed = run(command, "--data", corpus, "--port", port, UNTILCLICK_OUT=str(tmp_path / "run"))
    assert failed.exit_code == 2
    assert f"cannot listen on 127.0.0.1:{port}" in failed.stderr
    assert ("make demo ARGS='--port" in failed.stderr) is (command == "demo")
    assert not (tmp_path / "run").exists()


def _given(*overrides, file=None, **environment):
    return CommandSettings.of(overrides, environment, file)


def test_the_service_takes_options_before_environment_before_file():
    file = SettingsFile(Path("some.toml"), {}, {"service": {"max_k": 20, "title": "file", "examples": ["a", "b"]}})
    environment = {"UNTILCLICK_MAX_K": "30", "UNTILCLICK_PORT": "1234"}
    values = service_settings(_given(file=file), port=8000).by_name()
    assert [values[name] for name in ("max_k", "title", "examples", "port")] == [20, "file", ("a", "b"), 8000]
    values = service_settings(_given(file=file, **environment), port=8000).by_name()
    assert [values[name] for name in ("max_k", "title", "port")] == [30, "file", 8000]
    assert service_settings(_given("service.max_k=40", file=file, **environment)).limits.max_k == 40


def test_a_service_setting_that_is_not_there_is_named():
    with pytest.raises(UntilclickError, match=r"--set service.max_q: .* Did you mean max_k\?"):
        service_settings(_given("service.max_q=40"))
