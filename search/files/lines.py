"""Text files line by line, with a limit on the length of a line, and JSON objects from such lines.

All readers of data files use this module. A broken file is therefore always reported with its name and line, and a
line of a hundred megabytes is refused without being read into memory. The readers give the objects their meaning.
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
"""Maximum length of a line, in bytes without the line end."""


def read_lines(path: Path, limit: int = MAX_LINE_BYTES) -> Iterator[tuple[int, str]]:
    """Yield (1-based line number, text without line end) of a UTF-8 file; a `.gz` file is decompressed.

    Blank lines are skipped but counted. An empty file yields nothing. A byte order mark at the start is dropped.

    Raises DataError if the file does not exist, cannot be read, is not UTF-8, is a damaged gzip file, or has a line
    of more than `limit` bytes.
    """
    with _opened(path) as lines:
        number = 0
        while raw := _next_line(lines, path, number + 1, limit):
            number += 1
            text = _decoded(raw, path, number)
            if text and not text.isspace():
                yield number, text


def read_objects(path: Path, limit: int = MAX_LINE_BYTES) -> Iterator[tuple[int, dict[str, object]]]:
    """Yield (1-based line number, JSON object) of a JSON-lines file.

    Raises DataError as `read_lines` does, and for a line that is not a JSON object.
    """
    for number, text in read_lines(path, limit):
        yield number, _parsed(text, path, number)


def existing(path: Path) -> Path | None:
    """The path, or else its compressed form `path.gz`, whichever is a file; None if neither is."""
    return next((p for p in (path, path.with_name(path.name + ".gz")) if p.is_file()), None)


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    try:
        raw = path.open("rb")
    except FileNotFoundError:
        raise DataError.at(path, None, "no such file", "Check the path") from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise DataError.at(path, None, f"cannot be opened ({reason})", "Check the path and its permissions") from None
    with raw:
        if path.suffix != ".gz":
            yield raw
            return
        with gzip.GzipFile(fileobj=raw) as unpacked:
            yield cast(IO[bytes], unpacked)


def _next_line(lines: IO[bytes], path: Path, number: int, limit: int) -> bytes:
    """The next line as bytes; b"" at the end of the file."""
    try:
        raw = lines.readline(limit + 2)  # long enough to tell that a line is too long
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        remedy = "The file is cut off or not gzip; fetch or compress it again"
        raise DataError.at(path, number, f"damaged gzip data ({error})", remedy) from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise DataError.at(path, number, f"cannot be read ({reason})", "Check the file and its permissions") from None
    raw = raw.removesuffix(b"\n") or raw  # an empty line stays b"\n": b"" is the end of the file
    if len(raw) > limit:
        remedy = "Split the record, or check that the file is JSON lines with one record per line"
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
        raise DataError.at(path, number, problem, "Write one JSON object per line") from None
    except (RecursionError, ValueError) as error:
        raise DataError.at(
            path, number, f"not usable JSON ({error})", "Write one flat JSON object per line"
        ) from None
    if not isinstance(value, dict):
        problem = f"expected a JSON object, found {shown(text)}"
        raise DataError.at(
            path, number, problem, 'Write one JSON object per line, such as {"_id": "1", "text": "..."}'
        )
    return value


def shown(value: object, width: int = 60) -> str:
    """The value for an error message: its repr, shortened to `width` characters."""
    text = repr(value)
    return text if len(text) <= width else text[: width - 3] + "..."
