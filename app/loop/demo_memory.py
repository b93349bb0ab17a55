"""What a demo remembers between calls: which steps are finished, with which settings, on which data.

A step's key is a hash of its own settings and of the key before it, so a change starts it and all later steps anew.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from untilclick.search.files.whole_files import whole_file

MEMORY_FILE = "demo.json"


@dataclass(frozen=True)
class StepRecord:
    """One step that was begun."""

    key: str
    """Of settings and data."""
    finished: bool
    line: str = ""
    """What was done, for a person."""
    seconds: float = 0.0
    """How long it took, the last time it ran."""


class DemoMemory:
    """The records of a demo's folder, written whole after every change."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / MEMORY_FILE
        self._steps = _read(self._path)

    def begun(self, step: str, key: str) -> StepRecord | None:
        """The record of a step with this key; None where it was never begun with it."""
        record = self._steps.get(step)
        return record if record is not None and record.key == key else None

    def keep(self, step: str, record: StepRecord) -> None:
        """Remember a step."""
        self._steps[step] = record
        with whole_file(self._path) as file:
            json.dump({name: asdict(one) for name, one in self._steps.items()}, file, indent=1, ensure_ascii=False)


def step_key(before: str, step: str, settings: object) -> str:
    """The key of a step; `settings` is a dataclass or anything else whose `repr` says all that matters."""
    return hashlib.sha256(f"{before}\n{step}\n{settings!r}".encode()).hexdigest()[:16]


def _read(path: Path) -> dict[str, StepRecord]:
    """A missing or damaged file remembers nothing: the steps are then simply done again."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {name: StepRecord(**one) for name, one in content.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
