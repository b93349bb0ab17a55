"""The exceptions callers may catch.

    UntilclickError             anything a user or a file can cause; its text is one sentence with the remedy
    ├── DataError               a corpus, topic, judgment or log file that cannot be read as it stands
    ├── EngineError             an index or search server that cannot answer
    │   └── UnknownDocumentError  an id that the index does not hold
    ├── LogError                a session log that cannot be read or written
    │   ├── LogAwayError          its database cannot be used now: away, locked, full; worth another try
    │   └── LogRecordError        it can never hold this record
    ├── ModelError              a model folder or bundle that cannot be used
    └── MissingDependencyError  an optional package that is not installed

The service adds its own, all of them UntilclickErrors: `SettingsError`, `ClickTokenError`, `SpoolError`,
`FixedDocumentsError`, and of the versions `UnknownVersionError`, `RefusedVersionError` and `NoModelFolderError`.
Programming mistakes inside the package stay `AssertionError`, `TypeError` and so on: nobody should catch those.
"""

from __future__ import annotations

from pathlib import Path


class UntilclickError(Exception):
    """Base class of everything this package raises on purpose."""


class DataError(UntilclickError):
    """A data file is broken. The text names file, line, value and remedy."""

    @classmethod
    def at(cls, path: Path | str, line: int | None, problem: str, remedy: str) -> DataError:
        """Build the sentence `path:line: problem. remedy`; `line` is 1-based, None for the file as a whole."""
        place = f"{path}:{line}" if line is not None else f"{path}"
        return cls(f"{place}: {problem}. {remedy}")


class EngineError(UntilclickError):
    """An index or search server cannot answer."""


class UnknownDocumentError(EngineError):
    """An index was asked for a document that it does not hold."""


class LogError(UntilclickError):
    """A session log cannot be read or written."""


class LogAwayError(LogError):
    """The database of a session log cannot be used at this moment: it is away, locked or full."""


class LogRecordError(LogError):
    """A session log cannot hold a record, whatever the state of its database."""


class ModelError(UntilclickError):
    """A model folder or bundle cannot be used."""


class MissingDependencyError(UntilclickError):
    """An optional package is not installed; the text says which extra brings it."""

    @classmethod
    def of(cls, package: str, extra: str) -> MissingDependencyError:
        """Name the missing package and the extra that brings it."""
        return cls(f"The package {package} is not installed. Install it with: pip install 'untilclick[{extra}]'")
