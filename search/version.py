"""Which version of the program this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def program_version() -> str:
    """The installed version; `unknown` where the program runs without being installed."""
    try:
        return version("untilclick")
    except PackageNotFoundError:
        return "unknown"
