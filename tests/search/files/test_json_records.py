"""Records of JSON texts and files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import pytest
from pydantic import ConfigDict

from untilclick.search.files.json_records import read_record, record_of


@dataclass(frozen=True)
class Closed:
    """Refuses unknown keys wherever it stands."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")
    ratio: float
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    name: str
    figures: Mapping[str, float]
    words: tuple[str, ...] = ()
    closed: Closed | None = None

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("a stage without a name")


class Point(NamedTuple):
    x: float
    y: int


def test_a_dataclass_is_read_with_its_inner_records_tuples_and_defaults():
    text = '{"name": "ppo", "figures": {"ndcg": 1}, "words": ["a", "b"], "closed": {"ratio": 0.5}}'
    stage = record_of(Stage, text)
    assert stage == Stage("ppo", {"ndcg": 1.0}, ("a", "b"), Closed(0.5))
    assert type(stage.figures["ndcg"]) is float


def test_a_named_tuple_and_a_mapping_are_records_too():
    assert record_of(Point, b'{"x": 1, "y": 2}') == Point(1.0, 2)
    assert record_of(dict[str, Point], '{"a": {"x": 1, "y": 2}}') == {"a": Point(1.0, 2)}


def test_what_json_dumps_writes_for_numbers_that_are_not_finite_is_read():
    figures = record_of(Stage, '{"name": "a", "figures": {"loss": NaN, "low": -Infinity}}').figures
    assert math.isnan(figures["loss"])
    assert figures["low"] == -math.inf


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "Invalid JSON: EOF while parsing an object at line 1 column 1, found '{'"),
        ("[]", "Input should be an object, found []"),
        ('{"figures": {}}', "name: Field required"),
        ('{"name": "a", "figures": {}, "more": 1}', "more: Unexpected keyword argument, found 1"),
        ('{"name": 3, "figures": {}}', "name: Input should be a valid string, found 3"),
        ('{"name": "a", "figures": {"ndcg": "1"}}', "figures.ndcg: Input should be a valid number, found '1'"),
        (
            '{"name": "a", "figures": {}, "words": ["a", null]}',
            "words.1: Input should be a valid string, found None",
        ),
        (
            '{"name": "a", "figures": {}, "closed": {"ratio": 1, "limit": 0.5}}',
            "closed.limit: Input should be a valid integer, found 0.5",
        ),
        ('{"name": "", "figures": {}}', "Value error, a stage without a name, found {'name': '', 'figures': {}}"),
    ],
)
def test_a_text_that_does_not_fit_is_refused_in_one_line(text, message):
    with pytest.raises(ValueError, match=r"^[^\n]+\Z") as refused:
        record_of(Stage, text)
    assert str(refused.value) == message


def test_bytes_that_are_not_utf8_are_refused():
    with pytest.raises(ValueError, match="Invalid JSON"):
        record_of(Stage, b'{"name": "\xff"}')


def test_an_unknown_key_can_be_ignored_except_where_the_class_forbids_it():
    text = '{"name": "a", "figures": {}, "newer": 1, "closed": {"ratio": 1%s}}'
    assert record_of(Stage, text % "", ignore_unknown=True) == Stage("a", {}, (), Closed(1.0))
    with pytest.raises(ValueError, match=r"closed\.newer: Unexpected keyword argument, found 2"):
        record_of(Stage, text % ', "newer": 2', ignore_unknown=True)


def test_a_file_is_read_like_a_text(tmp_path):
    path = tmp_path / "point.json"
    path.write_text('{"x": 1.5, "y": 2}', encoding="utf-8")
    assert read_record(Point, path) == Point(1.5, 2)
    path.write_text('{"x": 1.5, "y": 2, "z": 3}', encoding="utf-8")
    with pytest.raises(ValueError, match="z: Extra inputs are not permitted, found 3"):
        read_record(Point, path)
    with pytest.raises(FileNotFoundError):
        read_record(Point, tmp_path / "absent")
