"""The version of the installed program."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def program_version() -> str:
    """The version of the installed package, such as `0.1.0`; `unknown` if the program is not installed."""
    try:
        return version("untilclick")
    except PackageNotFoundError:
        return "unknown"
