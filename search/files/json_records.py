"""JSON checked against a record's type: content that does not fit is reported with place, problem and value.

A record is a dataclass, a NamedTuple or a pydantic model; pydantic reads its annotations. Lines and files are read by
`lines.py`; the records belong to the formats (`log/ubi_schema.py`, `log/session_jsonl.py` and others).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import BaseModel, TypeAdapter, ValidationError

from untilclick.search.errors import DataError
from untilclick.search.files.lines import read_objects, shown

Record = TypeVar("Record")
Model = TypeVar("Model", bound=BaseModel)


def record_of(kind: type[Record], text: str | bytes, *, ignore_unknown: bool = False) -> Record:
    """The record of type `kind` that a JSON text holds.

    Types are checked strictly: "1" is not a number; only a list becomes a tuple, and 1 becomes 1.0, if the field says
    so. NaN and Infinity are numbers, as `json.dumps` writes them. A key that no field has is refused; with
    `ignore_unknown` it is dropped, except in a NamedTuple and in a class whose own pydantic configuration forbids it.

    Raises ValueError in one line, "place: problem, found value", for the first thing that does not fit.
    """
    adapter: TypeAdapter[Record] = _adapter(cast(Hashable, kind))
    try:
        return adapter.validate_json(text, strict=True, extra=None if ignore_unknown else "forbid")
    except ValidationError as error:
        raise ValueError(problem_of(error)) from None


def read_record(kind: type[Record], path: Path, *, ignore_unknown: bool = False) -> Record:
    """The record of type `kind` in a JSON file. Raises OSError for an unreadable file, ValueError as `record_of`."""
    return record_of(kind, path.read_bytes(), ignore_unknown=ignore_unknown)


def read_records(path: Path, model: type[Model], remedy: str) -> Iterator[tuple[int, Model]]:
    """Yield (1-based line number, record) of a JSON-lines file.

    Raises DataError as `read_objects` does, and with `remedy` for a record that does not fit the model.
    """
    for line, value in read_objects(path):
        try:
            yield line, model.model_validate(value)
        except ValidationError as error:
            raise DataError.at(path, line, problem_of(error), remedy) from None


def problem_of(error: ValidationError) -> str:
    """The first thing wrong with a record: its place (none for the record as a whole), the problem, the value."""
    first = error.errors(include_url=False, include_context=False)[0]
    place = "".join(f"{part}." for part in first["loc"]).removesuffix(".")
    value = "" if first["type"] == "missing" else f", found {shown(first['input'])}"
    return f"{place}: {first['msg']}{value}" if place else f"{first['msg']}{value}"


@cache
def _adapter(kind: type[Any]) -> TypeAdapter[Any]:  # Any: a cached function cannot repeat the type of its argument
    """Built once per type: pydantic compiles the annotations, which takes milliseconds."""
    return TypeAdapter(kind)
