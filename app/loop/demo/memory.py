"""The file `demo.json`: which steps of a demo are finished, with which settings and data."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from untilclick.search.files.json_records import read_record
from untilclick.search.files.whole_files import whole_file

MEMORY_FILE = "demo.json"


@dataclass(frozen=True)
class StepRecord:
    """One step that was started."""

    key: str
    """Identifies settings and data, see `untilclick.app.loop.step_key`."""
    finished: bool
    line: str = ""
    """The result in one line, for people."""
    seconds: float = 0.0
    """Duration of the last run, in seconds."""


class DemoMemory:
    """The step records of one demo folder. Each change writes the file whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / MEMORY_FILE
        self._steps = _read(self._path)

    def started(self, step: str, key: str) -> StepRecord | None:
        """The record of a step; None if the step was never started with this key."""
        record = self._steps.get(step)
        return record if record is not None and record.key == key else None

    def save(self, step: str, record: StepRecord) -> None:
        """Replace the record of a step."""
        self._steps[step] = record
        with whole_file(self._path) as file:
            json.dump({name: asdict(each) for name, each in self._steps.items()}, file, indent=1, ensure_ascii=False)


def _read(path: Path) -> dict[str, StepRecord]:
    """The records of a file; none if it is missing or damaged, so that all steps run again."""
    try:
        return read_record(dict[str, StepRecord], path)
    except (OSError, ValueError):
        return {}
