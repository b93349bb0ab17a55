"""Files made from the documents' vectors: made by one process, read by all, and made anew if they are damaged.

A file ends in the CRC-32 of what is before. Reading it to check brings it into the page cache, so that the first
searches do not wait for the disk. A file is written under another name and then renamed.
"""

from __future__ import annotations

import logging
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from filelock import FileLock

from untilclick.search.errors import EngineError

KEPT = 3
"""Number of files of one kind that stay in a folder, the newest. Older ones are of texts that were edited since."""

LOCK = "derived.lock"
"""Name of the file that the process which makes a file in the folder has locked."""

_CHECKSUM_BYTES = 4
_BLOCK = 1 << 20

_log = logging.getLogger(__name__)

T = TypeVar("T")


def read_or_make(path: Path, read: Callable[[Path], T], make: Callable[[Path], None]) -> T:
    """What `read` makes of a file, which `make` writes first if it is missing or damaged; others wait meanwhile.

    `make` writes to another path that it is given, and need not care for the checksum. The oldest files of the same
    suffix are removed. Raises EngineError if the file cannot be read or written.
    """
    try:
        if not _is_whole(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(path.with_name(LOCK)):
                if not _is_whole(path):  # another process may have made it
                    _make(path, make)
        return read(path)
    except OSError as error:
        problem = f"{path} cannot be kept ({error.strerror or error})"
        raise EngineError(f"{problem}. Free space, or choose a directory that can be written") from error


def _make(path: Path, make: Callable[[Path], None]) -> None:
    if path.exists():
        _log.warning("%s is damaged; it is made anew", path)
    part = path.with_suffix(".part")
    try:
        make(part)
        with part.open("r+b") as file:
            checksum = _checksum_of(part, part.stat().st_size)
            file.seek(0, os.SEEK_END)
            file.write(checksum)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    ages = sorted(path.parent.glob(f"*{path.suffix}"), key=lambda each: each.stat().st_mtime)
    for old in ages[:-KEPT]:
        old.unlink(missing_ok=True)


def _is_whole(path: Path) -> bool:
    try:
        n_bytes = path.stat().st_size - _CHECKSUM_BYTES
        if n_bytes < 0:
            return False
        with path.open("rb") as file:
            file.seek(n_bytes)
            return file.read() == _checksum_of(path, n_bytes)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _checksum_of(path: Path, n_bytes: int) -> bytes:
    """The CRC-32 of the first bytes of a file."""
    checksum, left = 0, n_bytes
    with path.open("rb") as file:
        while left > 0:
            block = file.read(min(_BLOCK, left))
            if not block:
                break
            checksum, left = zlib.crc32(block, checksum), left - len(block)
    return checksum.to_bytes(_CHECKSUM_BYTES, "big")
