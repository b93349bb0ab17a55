"""The folder of what the program keeps between runs and can make again: harvested documents, converted encoders."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from platformdirs import user_cache_path


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
