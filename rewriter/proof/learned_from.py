"""The sessions that a twin has learned from, as keyed numbers beside it.

Needs grow: two of them become one when a session clicks on documents of both, and one of the two may have been
learned from while the other judges. A need with a session that a twin has learned from does not judge that twin.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from untilclick.rewriter.data.log_sides import LogSides
from untilclick.rewriter.judging.keyed_numbers import keyed_numbers
from untilclick.rewriter.judging.sides import SplitKey
from untilclick.search.records import Session

FILE = "learned_from.npy"

Numbers = NDArray[np.uint64]


def write_learned_from(folder: Path, sides: LogSides, key: SplitKey) -> None:
    """Write the numbers of the sessions that a training read, to learn from or to choose by, 8 bytes each."""
    np.save(folder / FILE, np.sort(_numbers(sides.training + sides.validation, key)))


def read_learned_from(folder: Path) -> Numbers:
    """(n,) the numbers in a folder, ascending; none without the file."""
    return np.load(folder / FILE) if (folder / FILE).is_file() else np.zeros(0, dtype=np.uint64)


def unknown_to(learned: Numbers, sides: LogSides, key: SplitKey) -> LogSides:
    """The log without the judged needs that have a session among those numbers."""
    known = np.isin(_numbers(sides.all, key), learned)
    needs = {sides.need_of(session) for session, seen in zip(sides.all, known, strict=True) if seen}
    return replace(sides, judged=tuple(session for session in sides.judged if sides.need_of(session) not in needs))


def _numbers(sessions: Iterable[Session], key: SplitKey) -> Numbers:
    return keyed_numbers(key, "learned from", (session.session_id for session in sessions))
