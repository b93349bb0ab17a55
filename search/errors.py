"""The exceptions that callers may catch.

    UntilclickError             base class: whatever a user or a file can cause; the text names the remedy
    ├── AnalysisError           a language or a text analysis is not known
    ├── DataError               a data file (documents, topics, judgments, log) is broken or cannot be written
    ├── EngineError             an index or search server cannot answer
    │   └── UnknownDocumentError  the index does not hold a document of this id
    ├── LogError                a session log cannot be read or written
    │   ├── LogAwayError          its database is unreachable, locked or full at the moment; a later try may succeed
    │   └── LogRecordError        the log can never hold this record
    ├── ModelError              a model folder or bundle cannot be used
    │   └── EncoderError          a sentence encoder is missing, damaged, or cannot encode a text
    ├── SecretFileError         a file that should hold a secret is unreadable or empty
    └── MissingDependencyError  an optional package is not installed

`SecretFileError` is defined in `files/secret_files.py`. The packages `rewriter` and `app` define their own
subclasses of these beside the code that raises them, such as `SettingsError`, `SpoolError` and `UnknownVersionError`.
Mistakes in the program itself stay `AssertionError`, `TypeError` and so on, which callers should not catch.
"""

from __future__ import annotations

from pathlib import Path


class UntilclickError(Exception):
    """Base class of everything this package raises on purpose."""


class AnalysisError(UntilclickError):
    """A language or a text analysis is not known."""


class DataError(UntilclickError):
    """A data file is broken or cannot be written. The text names file, line, value and remedy."""

    @classmethod
    def at(cls, path: Path | str, line: int | None, problem: str, remedy: str) -> DataError:
        """An error with the text `path:line: problem. remedy`. `line` is 1-based; None means the whole file."""
        place = f"{path}:{line}" if line is not None else f"{path}"
        return cls(f"{place}: {problem}. {remedy}")


class EngineError(UntilclickError):
    """An index or search server cannot answer."""


class UnknownDocumentError(EngineError):
    """An index does not hold the requested document."""


class LogError(UntilclickError):
    """A session log cannot be read or written."""


class LogAwayError(LogError):
    """The database of a session log cannot be used at the moment: it is unreachable, locked or full."""


class LogRecordError(LogError):
    """A session log cannot hold a record, for a reason that lies in the record."""


class ModelError(UntilclickError):
    """A model folder or bundle cannot be used."""


class EncoderError(ModelError):
    """A sentence encoder is missing, damaged, or cannot encode a text."""


class MissingDependencyError(UntilclickError):
    """An optional package is not installed. The text names the extra that installs it."""

    @classmethod
    def of(cls, package: str, extra: str) -> MissingDependencyError:
        """An error that names the missing package and the extra that installs it."""
        return cls(f"The package {package} is not installed. Install it with: pip install 'untilclick[{extra}]'")
