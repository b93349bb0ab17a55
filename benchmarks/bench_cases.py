"""Runs the cases of a folder, inputs with a command and what it should give, and prints which fall short.

    python -m benchmarks.bench_cases [NAME ...] [--cases DIR] [--json FILE]

Without names all cases run. An expected text such as `documents 3; 4 first; 2` is checked for any case whose command
searches: the first result of each search must be that document; `(at least the first two)` limits the check. Some
cases have a check of their own. The output of the others is printed, for a reader to judge. The exit status is 1 if a
checked case falls short, and 0 if there is no such folder, which a message says.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.case_runs import Case, Output, read_cases, run_case

CASES = Path(__file__).parents[2] / "shared" / "cases"
"""The folder of the cases, beside the folder of the project."""

NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight")
AS_EXPECTED, SHORT, NOT_CHECKED = "as expected", "FALLS SHORT", "not checked here"
WIDTH = 60
"""Characters of a column of text; longer text is cut."""

_DOCUMENTS = re.compile(r"(?:documents? )?(\d+(?: first)?(?:; \d+(?: first)?)*)(?: \((at least the first (\w+))\))?")

Check = Callable[[Case, Output, Path], list[str]]
"""Takes a case, its output and a scratch folder; returns what falls short, nothing if all is as expected."""


@dataclass(frozen=True)
class Result:
    """A line of the table."""

    case: str
    expected: str
    got: str
    verdict: str
    shortfall: str
    """What falls short; empty if nothing does or nothing is checked."""


def expected_documents(expected: str) -> list[str]:
    """The ids that searches should put first, as far as the text asks for them; none for a text of another kind."""
    match = _DOCUMENTS.fullmatch(expected)
    if match is None:
        return []
    doc_ids = re.findall(r"\d+", match[1])
    return doc_ids[: NUMBERS.index(match[3]) + 1] if match[3] in NUMBERS else doc_ids


def check_documents(case: Case, output: Output, _scratch: Path) -> list[str]:
    """The first result of each search; if the text names one document, that of all searches."""
    doc_ids, rankings = expected_documents(case.expected), output.rankings
    if len(doc_ids) == 1:
        doc_ids *= max(len(rankings), 1)
    if len(rankings) < len(doc_ids):
        return [f"{len(rankings)} searches of {len(doc_ids)} answered"]
    return [
        f"search {place}: {', '.join(ranking[:3]) or 'nothing'} instead of {doc_id}"
        for place, (doc_id, ranking) in enumerate(zip(doc_ids, rankings, strict=False), 1)
        if ranking[:1] != [doc_id]
    ]


def check_same_as_tantivy(case: Case, output: Output, scratch: Path) -> list[str]:
    """The documents of each search against those of the same command with the engine tantivy."""
    other = run_case(case, scratch / "tantivy", case.command.replace("--engine rank-bm25", "--engine tantivy"))
    if not output.rankings or not any(other.rankings):
        return ["no search answered"]
    return [
        f"search {place}: {sorted(ranking)}, tantivy {sorted(expected)}"
        for place, (ranking, expected) in enumerate(zip(output.rankings, other.rankings, strict=True), 1)
        if set(ranking) != set(expected)
    ]


def check_runs_through(_case: Case, output: Output, _scratch: Path) -> list[str]:
    """The exit status."""
    return [] if output.status == 0 else [f"exit status {output.status}: {output.last_line}"]


def check_change_is_kept(_case: Case, output: Output, _scratch: Path) -> list[str]:
    """Document 77, which was put before the corpus changed, is found; or a message says how to keep or drop it."""
    if any("77" in ranking for ranking in output.rankings[-1:]):
        return []
    message = output.stderr.lower()
    if "keep" in message and re.search(r"drop|discard|delete", message):
        return []
    return ["document 77 is not found, and no message says how to keep or drop the changes"]


CHECKS: dict[str, Check] = {
    "lang-ja-demo": check_runs_through,
    "live-documents-lost": check_change_is_kept,
    "rank-bm25-zero-idf": check_same_as_tantivy,
}
"""Name of a case -> its own check."""


def check_of(case: Case, output: Output) -> Check | None:
    """The check for a case: its own one, or that of documents if the case searches and names them."""
    if case.name in CHECKS:
        return CHECKS[case.name]
    return check_documents if output.answers and expected_documents(case.expected) else None


def judged(case: Case, scratch: Path) -> Result:
    """Run and check one case."""
    output = run_case(case, scratch)
    check = check_of(case, output)
    if check is None and expected_documents(case.expected) and "untilclick search" in case.command:
        return Result(case.name, case.expected, output.last_line, SHORT, f"no answer, exit status {output.status}")
    if check is None:
        return Result(case.name, case.expected, f"[{output.status}] {output.last_line}", NOT_CHECKED, "")
    got = "; ".join(",".join(ranking[:2]) or "-" for ranking in output.rankings) or output.last_line
    shortfall = "; ".join(check(case, output, scratch))
    return Result(case.name, case.expected, got, SHORT if shortfall else AS_EXPECTED, shortfall)


def results_of(cases: Sequence[Case]) -> Iterator[Result]:
    """Run and check cases one after the other."""
    for case in cases:
        scratch = Path(tempfile.mkdtemp(prefix="case-"))
        try:
            yield judged(case, scratch)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the cases, print a table, and return the exit status."""
    parser = argparse.ArgumentParser(description="Cases: what each should give and what it gives")
    parser.add_argument("names", nargs="*", metavar="NAME", help="folders of cases; all by default")
    parser.add_argument("--cases", type=Path, default=CASES)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    if not options.cases.is_dir():
        print(f"Skipped: {options.cases} does not exist. Name a folder of cases with --cases.")
        return 0
    cases = read_cases(options.cases)
    unknown = sorted(set(options.names) - {case.name for case in cases})
    if unknown:
        parser.error(f"unknown case {', '.join(unknown)} in {options.cases}")
    results = []
    width = max((len(case.name) for case in cases), default=0)
    for result in results_of([case for case in cases if not options.names or case.name in options.names]):
        results.append(result)
        columns = (_cut(result.expected), _cut(result.got), result.verdict)
        print(f"{result.case:{width}}  {columns[0]:{WIDTH}}  {columns[1]:{WIDTH}}  {columns[2]}", flush=True)
        if result.shortfall:
            print(f"{'':{width}}  {result.shortfall}", flush=True)
    counts = [sum(result.verdict == verdict for result in results) for verdict in (AS_EXPECTED, SHORT, NOT_CHECKED)]
    print("{} as expected, {} fall short, {} not checked here".format(*counts))
    if options.json:
        options.json.write_text(json.dumps([asdict(result) for result in results], indent=2, ensure_ascii=False))
    return int(counts[1] > 0)


def _cut(text: str) -> str:
    return text if len(text) <= WIDTH else text[: WIDTH - 3] + "..."


if __name__ == "__main__":
    sys.exit(main())
