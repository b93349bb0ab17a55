"""Cases of a folder: reading their README.md, running them in a copy, and the verdicts."""

from __future__ import annotations

import json

import pytest

from benchmarks.bench_cases import AS_EXPECTED, NOT_CHECKED, SHORT, expected_documents, judged, main
from benchmarks.case_runs import Case, Output, read_cases, run_case

README = "# {name}\n\nCommand:\n\n```bash\n{command}\n```\n\nToday: nothing\n\nExpected: {expected}\n"
BOATS = (("7", "Rowing boat", "A boat for two with oars."), ("8", "Sail", "A red sail of canvas for a dinghy."))
SEARCHES = 'for q in oars canvas; do untilclick search "$q" --data boats.jsonl --json; done'


@pytest.fixture
def make_case(tmp_path):
    """Writes a case with two documents and returns it."""

    def make(command: str, expected: str, name: str = "boats") -> Case:
        folder = tmp_path / "cases" / name
        folder.mkdir(parents=True)
        (folder / "README.md").write_text(README.format(name=name, command=command, expected=expected))
        lines = (json.dumps({"_id": doc_id, "title": title, "text": text}) for doc_id, title, text in BOATS)
        (folder / "boats.jsonl").write_text("\n".join(lines) + "\n")
        return Case.read(folder)

    return make


@pytest.mark.parametrize(
    ("expected", "doc_ids"),
    [
        ("documents 3; 4; 2", ["3", "4", "2"]),
        ("document 1", ["1"]),
        ("4 first; 8; 3 first", ["4", "8", "3"]),
        ("documents 3; 4; 2 (at least the first two)", ["3", "4"]),
        ("1 document, or an option", []),
        ("200; 200 (or documented)", []),
        ("loaded", []),
    ],
)
def test_the_expected_text_names_documents(expected, doc_ids):
    assert expected_documents(expected) == doc_ids


def test_a_case_is_read_from_its_readme(make_case):
    case = make_case("echo one\necho two", "two lines")
    assert (case.name, case.command, case.expected) == ("boats", "echo one\necho two\n", "two lines")
    assert read_cases(case.folder.parent) == [case]


def test_a_readme_without_a_command_is_refused(tmp_path):
    (tmp_path / "README.md").write_text("# empty\n\nExpected: nothing\n")
    with pytest.raises(ValueError, match="expected a block of shell"):
        Case.read(tmp_path)


def test_a_command_runs_in_a_copy_with_a_scratch_folder_and_no_settings(make_case, tmp_path, monkeypatch):
    monkeypatch.setenv("UNTILCLICK_DATA", "elsewhere")
    case = make_case('echo changed > boats.jsonl; ls -A "$T"; echo "${UNTILCLICK_DATA-unset}"; exit 3', "nothing")
    before = (case.folder / "boats.jsonl").read_bytes()
    assert run_case(case, tmp_path / "scratch") == Output(3, "unset\n", "")
    assert (case.folder / "boats.jsonl").read_bytes() == before


def test_a_service_has_a_free_port_and_is_stopped(make_case, tmp_path):
    command = (
        "untilclick serve --data boats.jsonl --log $T/l.db --port 8431 &\ncurl -s 'localhost:8431/v1/search?q=oars'"
    )
    output = run_case(make_case(command, "document 7"), tmp_path / "scratch")
    assert output.rankings == [["7"]]
    assert "8431" not in output.stdout + output.stderr


@pytest.mark.parametrize(
    ("expected", "verdict", "shortfall"),
    [
        ("documents 7; 8", AS_EXPECTED, ""),
        ("8 first; 8", SHORT, "search 1: 7 instead of 8"),
        ("documents 7; 8; 7", SHORT, "2 searches of 3 answered"),
        ("both boats", NOT_CHECKED, ""),
    ],
)
def test_the_first_results_are_compared_with_the_expected_documents(
    make_case, tmp_path, expected, verdict, shortfall
):
    result = judged(make_case(SEARCHES, expected), tmp_path / "scratch")
    assert (result.verdict, result.shortfall) == (verdict, shortfall)


def test_a_search_that_fails_falls_short(make_case, tmp_path):
    result = judged(
        make_case("untilclick search oars --data absent.jsonl --json", "document 7"), tmp_path / "scratch"
    )
    assert (result.verdict, result.shortfall) == (SHORT, "no answer, exit status 2")


def test_the_command_prints_a_table_and_its_status_tells_of_shortfalls(make_case, tmp_path, capsys):
    make_case("echo hello", "a greeting", name="greeting")
    make_case(SEARCHES, "documents 8; 8", name="boats")
    folder, file = str(tmp_path / "cases"), tmp_path / "results.json"
    assert main(["--cases", folder, "--json", str(file)]) == 1
    assert "0 as expected, 1 fall short, 1 not checked here" in capsys.readouterr().out
    assert [record["verdict"] for record in json.loads(file.read_text())] == [SHORT, NOT_CHECKED]
    assert main(["greeting", "--cases", folder]) == 0


def test_an_absent_folder_is_named(tmp_path, capsys):
    assert main(["--cases", str(tmp_path / "absent")]) == 0
    assert f"Skipped: {tmp_path / 'absent'} does not exist" in capsys.readouterr().out
