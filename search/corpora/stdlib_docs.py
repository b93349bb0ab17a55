"""The `stdlib` corpus: Python's own documentation as documents, harvested once per interpreter and cached.

The harvest (`stdlib_harvest.py`) runs in a child process, so that importing the standard library neither swells
this process nor leaves threads or hooks in it. The cache is a JSONL file in the user's cache directory; it may be
deleted at any time, and a corpus is loaded without it where the directory cannot be written.
"""

from __future__ import annotations

import hashlib
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from platformdirs import user_cache_path

from untilclick.search.corpora.jsonl_docs import read_documents
from untilclick.search.errors import DataError
from untilclick.search.files.whole_files import write_whole
from untilclick.search.records import Document

FORMAT_VERSION = 1
"""Raised whenever the harvest changes what it writes; part of the cache file's name."""

TIMEOUT_SECONDS = 120.0
"""How long the harvest may take; it takes one to three seconds on a usual machine."""

PASSED_VARIABLES = ("PATH", "HOME", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "LD_LIBRARY_PATH", "PYTHONHOME")
"""The harvest sees no more of the environment than an interpreter needs to start."""

_HARVEST = "import runpy, sys; runpy.run_path(sys.argv[1])['write'](sys.stdout.write)"

_log = logging.getLogger(__name__)


def load_documents(cache: Path | None = None) -> tuple[Document, ...]:
    """Documents of the running interpreter's standard library, about 4,000, in alphabetical order of their ids.

    An id is the public dotted name (`shutil.rmtree`, `str.split`), the title the same, the text the signature, the
    docstring, and the words inside CamelCase names. `cache` is the cache directory, None for the user's own.

    Raises DataError: the interpreter cannot be harvested (for instance, docstrings were stripped with -OO).
    """
    path = (cache if cache is not None else cache_directory(os.environ)) / _cache_name()
    if path.is_file():
        try:
            return read_documents(path)
        except DataError as error:
            _log.warning("The cached standard library documents are read anew: %s", error)
    return _harvested(path)


def cache_directory(environ: Mapping[str, str]) -> Path:
    """The directory for caches: `UNTILCLICK_CACHE` if it is set, else `untilclick` in the user's cache directory.

    The user's directory follows the platform's rules (`XDG_CACHE_HOME`, else `~/.cache`, on Linux). A user without a
    home directory, as in some containers, gets a folder among the temporary files.
    """
    if directory := environ.get("UNTILCLICK_CACHE"):
        return Path(directory)
    try:
        return user_cache_path("untilclick", appauthor=False, opinion=False)
    except RuntimeError:  # no home directory
        return Path(tempfile.gettempdir()) / ".cache" / "untilclick"


def _cache_name() -> str:
    build = hashlib.sha256(f"{sys.version}|{sys.platform}|{sys.prefix}".encode()).hexdigest()[:8]
    return f"stdlib-{FORMAT_VERSION}-{sys.implementation.cache_tag}-{build}.jsonl"


def _harvested(path: Path) -> tuple[Document, ...]:
    lines = _run_harvest()
    try:
        write_whole(path, lines)
    except (DataError, OSError) as error:
        _log.warning("The standard library is harvested each time: %s", error)
        with tempfile.TemporaryDirectory() as folder:
            temporary = Path(folder) / path.name
            temporary.write_bytes(lines)
            return read_documents(temporary)
    return read_documents(path)


def _run_harvest() -> bytes:
    """JSON lines from a child process without the caller's working directory on its path, with a fixed hash seed."""
    command = [
        sys.executable,
        "-P",
        "-W",
        "ignore",
        "-c",
        _HARVEST,
        str(Path(__file__).with_name("stdlib_harvest.py")),
    ]
    environ = {name: os.environ[name] for name in PASSED_VARIABLES if name in os.environ}
    environ |= {"PYTHONHASHSEED": "0", "PYTHONUTF8": "1"}
    try:
        done = subprocess.run(
            command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=TIMEOUT_SECONDS
        )
    except (OSError, subprocess.SubprocessError) as error:
        detail = getattr(error, "stderr", None) or str(error).encode()
        last = detail.decode("utf-8", "replace").strip().rpartition("\n")[2]
        remedy = "Give another source with --data, such as a JSONL file of documents"
        problem = f"{sys.executable} could not list its own documentation ({last})"
        raise DataError.at("stdlib", None, problem, remedy) from None
    return done.stdout
