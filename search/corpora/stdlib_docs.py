"""The corpus `stdlib`: the documentation of the running Python, harvested once per interpreter and cached.

The harvest (`stdlib_harvest.py`) imports the whole standard library. It runs in a child process, so that this
process neither grows nor keeps threads or hooks. The cache is a JSONL file in the user's cache directory. It may be
deleted at any time, and if it cannot be written the documents are harvested at every load.
"""

from __future__ import annotations

import hashlib
import logging
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from untilclick.search.corpora.jsonl_docs import read_documents
from untilclick.search.errors import DataError
from untilclick.search.files.cache_folder import cache_directory
from untilclick.search.files.whole_files import write_whole
from untilclick.search.records import Document

FORMAT_VERSION = 3
"""Version of the harvest's output, part of the cache file's name. Raise it with every change of the output."""

TIMEOUT_SECONDS = 120.0
"""Maximum duration of the harvest, which takes one to three seconds on a usual machine."""

PASSED_VARIABLES = ("PATH", "HOME", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "LD_LIBRARY_PATH", "PYTHONHOME")
"""Environment variables that the harvest gets: those that an interpreter needs to start."""

_HARVEST = "import runpy, sys; runpy.run_path(sys.argv[1])['write'](sys.stdout.write)"

_log = logging.getLogger(__name__)


def load_documents(cache: Path | None = None) -> tuple[Document, ...]:
    """The documents of the running interpreter's standard library, about 6,000, in alphabetical order of their ids.

    The id and the title are the public dotted name (`shutil.rmtree`, `str.split`). The text is the signature, the
    docstring, and the words inside a CamelCase name. `cache` is the cache directory; None means `cache_directory`.

    Raises DataError if the interpreter cannot be harvested, for instance because -OO stripped the docstrings.
    """
    path = (cache if cache is not None else cache_directory(os.environ)) / _cache_name()
    if path.is_file():
        try:
            return read_documents(path)
        except DataError as error:
            _log.warning("The documents of the standard library are harvested again, the cache is broken: %s", error)
    return _harvested(path)


def _cache_name() -> str:
    """The file name of this interpreter's documents."""
    build = hashlib.sha256(f"{sys.version}|{sys.platform}|{sys.prefix}".encode()).hexdigest()[:8]
    return f"stdlib-{FORMAT_VERSION}-{sys.implementation.cache_tag}-{build}.jsonl"


def _harvested(path: Path) -> tuple[Document, ...]:
    """Harvest the documents and write them to the cache file `path`."""
    lines = _run_harvest()
    try:
        write_whole(path, lines)
    except (DataError, OSError) as error:
        _log.warning("The documents of the standard library are harvested each time, without a cache: %s", error)
        with tempfile.TemporaryDirectory() as folder:
            temporary = Path(folder) / path.name
            temporary.write_bytes(lines)
            return read_documents(temporary)
    return read_documents(path)


def _run_harvest() -> bytes:
    """JSON lines from a child process, which does not import from the working directory (-P)."""
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
    environ |= {"PYTHONHASHSEED": "0", "PYTHONUTF8": "1"}  # the order of sets in signatures follows the hash seed
    try:
        harvest = subprocess.run(
            command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=TIMEOUT_SECONDS
        )
    except (OSError, subprocess.SubprocessError) as error:
        detail = getattr(error, "stderr", None) or str(error).encode()
        last_line = detail.decode("utf-8", "replace").strip().rpartition("\n")[2]
        remedy = "Give another source with --data, such as a JSONL file of documents"
        problem = f"{sys.executable} could not list its own documentation ({last_line})"
        raise DataError.at("stdlib", None, problem, remedy) from None
    return harvest.stdout
