"""Writing files and folders whole or not at all: a reader never finds half of a file or folder under its name.

A file or folder is written beside its place under another name and then renamed. The content of a file reaches the
disk before its name does, so that the file is whole even after a crash. The packages `atomicwrites` (no longer
maintained) and `safer` (no fsync) do not serve.
"""

from __future__ import annotations

import os
import secrets
import shutil
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


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Make a new folder to write into, which takes the place of `folder` when the block ends without an error.

    Missing folders above it are made, and an older folder is replaced with all that it holds. If the block raises, or
    the new folder cannot take the place of the older one, the older one stays. Raises OSError if it cannot be made.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    new, old = (folder.with_name(f".{folder.name}.{suffix}") for suffix in ("new", "old"))
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    try:
        yield new
        shutil.rmtree(old, ignore_errors=True)
        if folder.exists():
            folder.rename(old)
        try:
            new.rename(folder)
        except OSError:
            if old.exists():
                old.rename(folder)
            raise
    finally:
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
