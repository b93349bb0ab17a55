"""JSON lines checked against a pydantic model: a record that does not fit is reported with file, line and value.

Lines and files are read by `lines.py`; the models belong to the formats (`log/ubi_schema.py`,
`log/session_jsonl.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from untilclick.search.errors import DataError
from untilclick.search.files.lines import read_objects, shown

Model = TypeVar("Model", bound=BaseModel)


def read_records(path: Path, model: type[Model], remedy: str) -> Iterator[tuple[int, Model]]:
    """Yield (1-based line number, record) of a JSON-lines file.

    Raises DataError as `read_objects` does, and with `remedy` for a record that the model refuses.
    """
    for line, value in read_objects(path):
        try:
            yield line, model.model_validate(value)
        except ValidationError as error:
            raise DataError.at(path, line, problem_of(error), remedy) from None


def problem_of(error: ValidationError) -> str:
    """The first thing wrong with a record: where, what, and the value found."""
    first = error.errors(include_url=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    found = "" if first["type"] == "missing" else f", found {shown(first['input'])}"
    return f"{place}: {first['msg']}{found}"
