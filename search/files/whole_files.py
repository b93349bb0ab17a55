"""Writing files whole or not at all: a reader never finds half of a file under its name, not even after a crash.

A file is written beside its place under another name, brought to the disk, and renamed. Formats and records are not
known here. The packages `atomicwrites` (no longer maintained) and `safer` (no fsync) do not serve.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from untilclick.search.errors import DataError


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file in one step. Text is written as UTF-8, with its line ends as they are.

    Missing folders are made, and an older file is replaced. Raises DataError if the file cannot be made there, and
    OSError if writing fails, for instance on a full disk; in both cases an older file stays as it was.
    """
    with whole_file(path) as file:
        if isinstance(content, str):
            file.write(content)
        else:
            file.buffer.write(content)


@contextmanager
def whole_file(path: Path) -> Iterator[TextIO]:
    """Open a UTF-8 text file for writing, which appears under `path` when the block ends without an error.

    Missing folders are made, and an older file is replaced. If the block raises, nothing appears and an older file
    stays as it was. Raises DataError if the file cannot be made there.
    """
    part = path.with_name(f".{path.name}-{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        opened = part.open("x", encoding="utf-8", newline="\n")  # `tempfile` would make it private to its owner
    except OSError as error:
        problem = f"cannot be written ({error.strerror})"
        raise DataError.at(path, None, problem, "Choose a folder that you may write to") from None
    try:
        with opened as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
