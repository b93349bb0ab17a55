"""Text files line by line, with a bound on the length of a line, and JSON objects out of such lines.

Every reader of user files goes through here, so that a broken file is always reported with its name and line, and so
that a line of a hundred megabytes is refused without being read into memory. What the objects mean is not known here.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from untilclick.search.errors import DataError

MAX_LINE_BYTES = 16 * 2**20
"""Longest line that is accepted, in bytes without the line end."""


def read_lines(path: Path, limit: int = MAX_LINE_BYTES) -> Iterator[tuple[int, str]]:
    """Yield (1-based line number, text without line end) of a UTF-8 file, `.gz` decompressed on the way.

    Blank lines are passed over; an empty file yields nothing. A byte order mark at the start is dropped.

    Raises DataError: no such file, unreadable, not UTF-8, a line of more than `limit` bytes, a damaged gzip file.
    """
    with _opened(path) as lines:
        number = 0
        while raw := _next_line(lines, path, number + 1, limit):
            number += 1
            text = _decoded(raw, path, number)
            if text and not text.isspace():
                yield number, text


def read_objects(path: Path, limit: int = MAX_LINE_BYTES) -> Iterator[tuple[int, dict[str, object]]]:
    """Yield (line number, JSON object) of a JSON-lines file; raises `DataError` as `read_lines` does, and for a line
    that is not a JSON object."""
    for number, text in read_lines(path, limit):
        yield number, _parsed(text, path, number)


def existing(path: Path) -> Path | None:
    """The path itself, or its gzipped form `path.gz`, whichever exists; None where neither does."""
    return next((p for p in (path, path.with_name(path.name + ".gz")) if p.is_file()), None)


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    try:
        raw = path.open("rb")
    except FileNotFoundError:
        raise DataError.at(path, None, "no such file", "Check the path") from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise DataError.at(path, None, f"cannot be opened ({reason})", "Check the path and its rights") from None
    with raw:
        if path.suffix != ".gz":
            yield raw
            return
        with gzip.GzipFile(fileobj=raw) as unpacked:
            yield cast(IO[bytes], unpacked)


def _next_line(lines: IO[bytes], path: Path, number: int, limit: int) -> bytes:
    """The next raw line, b"" at the end of the file."""
    try:
        raw = lines.readline(limit + 2)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        remedy = "The file is cut off or is not gzip; fetch or compress it again"
        raise DataError.at(path, number, f"damaged gzip data ({error})", remedy) from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise DataError.at(path, number, f"cannot be read ({reason})", "Check the file and its rights") from None
    raw = raw.removesuffix(b"\n") or raw
    if len(raw) > limit:
        remedy = "Split the record, or check that the file is JSON lines with one record a line"
        raise DataError.at(path, number, f"the line is longer than {limit:,} bytes", remedy)
    return raw


def _decoded(raw: bytes, path: Path, number: int) -> str:
    try:
        return raw.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        problem = f"byte {error.start + 1} of the line, 0x{raw[error.start]:02x}, is not UTF-8"
        raise DataError.at(path, number, problem, "Save the file as UTF-8") from None


def _parsed(text: str, path: Path, number: int) -> dict[str, object]:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        problem = f"not JSON ({error.msg} at column {error.colno}): {shown(text)}"
        raise DataError.at(path, number, problem, "Write one JSON object a line") from None
    except (RecursionError, ValueError) as error:
        raise DataError.at(path, number, f"not usable JSON ({error})", "Write one flat JSON object a line") from None
    if not isinstance(value, dict):
        problem = f"expected a JSON object, found {shown(text)}"
        raise DataError.at(path, number, problem, 'Write one JSON object a line, such as {"_id": "1", "text": "..."}')
    return value


def shown(value: object, width: int = 60) -> str:
    """A value as an error message shows it: its repr, cut to `width` characters."""
    text = repr(value)
    return text if len(text) <= width else text[: width - 3] + "..."
