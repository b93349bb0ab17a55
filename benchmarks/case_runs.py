"""Cases: folders with an input, a command and what the command should give, run each in a scratch copy.

The README.md of a case has a block of shell after `Command:` and the paragraph `Expected:`; other text is for
readers. In the command, `$T` is an empty folder. Its services get free ports, and each is ready before the next line
runs.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.fault_rig import free_port

LIMIT_S = 600.0
"""Seconds that a command may take."""

_PORT = re.compile(r"(?:(?<=port )|(?<=localhost:)|(?<=0\.0\.1\",)|(?<=0\.0\.1\", ))\d{4,5}\b")
_SHIM = '#!/bin/sh\nexec {python} -c "from untilclick.app.cli.main import main; main()" "$@"\n'
_PRELUDE = """
sleep() {{
    command sleep "$1"
    for _ in $(seq 600); do
        [ -z "$(jobs -r)" ] || curl -sf -o /dev/null localhost:{port}/readyz && return
        [ -n "$(jobs -r)" ] || return
        command sleep .1
    done
}}
"""
"""A pause also waits until the service answers or has ended."""


@dataclass(frozen=True)
class Case:
    """A case as its README.md describes it."""

    folder: Path
    command: str
    expected: str

    @property
    def name(self) -> str:
        """The name of its folder."""
        return self.folder.name

    @classmethod
    def read(cls, folder: Path) -> Case:
        """Read the README.md of a folder. Raises ValueError if it has no command or no expected text."""
        text = (folder / "README.md").read_text(encoding="utf-8")
        command = re.search(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
        if command is None or not (expected := _paragraph(text, "Expected")):
            raise ValueError(f"{folder}/README.md: expected a block of shell and a paragraph `Expected: ...`")
        return cls(folder, command[1], expected)


@dataclass(frozen=True)
class Output:
    """What a command printed."""

    status: int
    """Its exit status; -1 if it was stopped after LIMIT_S."""
    stdout: str
    stderr: str

    @property
    def answers(self) -> list[dict[str, Any]]:
        """The JSON objects with results, of `untilclick search --json` and of the service's `/v1/search`."""
        return [answer for answer in _objects(self.stdout) if "original" in answer or "results" in answer]

    @property
    def rankings(self) -> list[list[str]]:
        """The document ids of each answer, best first: of the rewritten query where there is one."""
        return [_doc_ids(answer) for answer in self.answers]

    @property
    def last_line(self) -> str:
        """The last line with text, of stderr if stdout has none."""
        lines = [line.strip() for line in f"{self.stderr}\n{self.stdout}".splitlines() if line.strip()]
        return lines[-1] if lines else ""


def read_cases(folder: Path) -> list[Case]:
    """The cases below a folder, sorted by name. Folders without a README.md are passed over."""
    return [Case.read(path.parent) for path in sorted(folder.glob("*/README.md"))]


def run_case(case: Case, scratch: Path, command: str | None = None) -> Output:
    """Run the command of a case, or another one, in a copy of its folder below `scratch`.

    What it leaves in the background is stopped.
    """
    place = scratch / case.name
    shutil.rmtree(place, ignore_errors=True)
    (place / "bin").mkdir(parents=True)
    (place / "T").mkdir()
    inputs = shutil.copytree(case.folder, place / "inputs", copy_function=shutil.copyfile)
    shim = place / "bin" / "untilclick"
    shim.write_text(_SHIM.format(python=sys.executable), encoding="utf-8")
    shim.chmod(0o755)
    ports: dict[str, str] = {}
    for path in inputs.glob("*.py"):
        path.write_text(_with_free_ports(path.read_text(encoding="utf-8"), ports), encoding="utf-8")
    script = _with_free_ports(_waiting(command or case.command), ports)
    prelude = _PRELUDE.format(port=next(iter(ports.values()), "0"))
    return _run(prelude + script, inputs, {"T": str(place / "T"), "PATH": _path(place / "bin")})


def _path(folder: Path) -> str:
    return os.pathsep.join((str(folder), str(Path(sys.executable).parent), os.environ["PATH"]))


def _waiting(command: str) -> str:
    """The command with a pause after each line that ends in a service in the background."""
    return re.sub(r"^(untilclick serve .*&)\s*$", r"\1\nsleep 0", command, flags=re.MULTILINE)


def _with_free_ports(text: str, ports: dict[str, str]) -> str:
    """The text with its ports replaced; `ports` maps those that were replaced before, and is extended."""
    return _PORT.sub(lambda match: ports.setdefault(match[0], str(free_port())), text)


def _run(script: str, folder: Path, variables: dict[str, str]) -> Output:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("UNTILCLICK_")}
    process = subprocess.Popen(
        ["bash", "-c", script],
        cwd=folder,
        env={**environment, "OMP_NUM_THREADS": "1", "COLUMNS": "200", **variables},
        stdin=subprocess.DEVNULL,
        stdout=(stdout := (folder.parent / "stdout").open("w+b")),
        stderr=(stderr := (folder.parent / "stderr").open("w+b")),
        start_new_session=True,
    )
    try:
        status = process.wait(LIMIT_S)
    except subprocess.TimeoutExpired:
        status = -1
    finally:
        _stop(process)
    texts = []
    for file in (stdout, stderr):
        file.seek(0)
        texts.append(file.read().decode("utf-8", "replace"))
        file.close()
    return Output(status, *texts)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Stop a command and what it left in the background."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()


def _paragraph(text: str, heading: str) -> str:
    match = re.search(rf"^{heading}: (.*?)(?=\n\n|\Z)", text, re.DOTALL | re.MULTILINE)
    return " ".join(match[1].split()) if match else ""


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """The JSON objects in a text, wherever they begin."""
    decoder, place = json.JSONDecoder(), text.find("{")
    while place >= 0:
        try:
            value, end = decoder.raw_decode(text, place)
        except json.JSONDecodeError:
            end = place + 1
        else:
            yield value
        place = text.find("{", end)


def _doc_ids(answer: dict[str, Any]) -> list[str]:
    results = answer.get("results") or answer.get("rewritten") or answer.get("original") or []
    return [str(result["doc_id"]) for result in results]
