"""Writing text files whole or not at all: what a reader finds under the name is never half of a file.

Formats and records are not known here.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from untilclick.search.errors import DataError


@contextmanager
def whole_file(path: Path) -> Iterator[IO[str]]:
    """A UTF-8 file to write to, which takes its name (and replaces an older file) when the block ends without error.

    The folder is made where it is missing. Raises DataError where the folder cannot be written to.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-", suffix=".part")
    except OSError as error:
        problem = f"cannot be written ({error.strerror})"
        raise DataError.at(path, None, problem, "Choose a folder that you may write to") from None
    part = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.chmod(0o644)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
