"""Bounded reading of text files."""

from __future__ import annotations

import gzip
import tracemalloc

import pytest

from untilclick.search.errors import DataError
from untilclick.search.files.lines import read_lines, read_objects


def test_lines_are_numbered_and_blank_ones_passed_over(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbfone\r\n\n  \ntwo")
    assert list(read_lines(path)) == [(1, "one"), (4, "two")]


def test_a_gzipped_file_reads_like_a_plain_one(tmp_path):
    path = tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress(b"one\ntwo\n"))
    assert list(read_lines(path)) == [(1, "one"), (2, "two")]


def test_an_empty_file_yields_nothing(tmp_path):
    (tmp_path / "a").touch()
    assert list(read_lines(tmp_path / "a")) == []


def test_a_line_of_exactly_the_limit_is_accepted(tmp_path):
    (tmp_path / "a").write_bytes(b"x" * 10 + b"\n" + b"y" * 10)
    assert [len(text) for _, text in read_lines(tmp_path / "a", limit=10)] == [10, 10]


def test_a_line_of_a_hundred_megabytes_is_refused_without_being_read(tmp_path):
    path = tmp_path / "a.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(b"short\n")
        for _ in range(100):
            file.write(b"x" * 2**20)
    lines = read_lines(path, limit=2**20)
    assert next(lines) == (1, "short")
    tracemalloc.start()
    with pytest.raises(DataError, match=r"a\.gz:2: the line is longer than 1,048,576 bytes\. Split"):
        next(lines)
    assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "latin.jsonl",
            b'{"a": 1}\n{"a": "\xe9"}\n',
            r"latin\.jsonl:2: byte 8 of the line, 0xe9, is not UTF-8\. Save",
        ),
        ("cut.gz", gzip.compress(b"line\n" * 1000, mtime=0)[:-20], r"cut\.gz:\d+: damaged gzip data .*cut off"),
        ("plain.gz", b"not gzip at all", r"plain\.gz:1: damaged gzip data .*compress it again"),
        (
            "broken.jsonl",
            b'{"a": 1}\n{"a": ',
            r"broken\.jsonl:2: not JSON \(Expecting value at column 7\).*Write one",
        ),
        ("list.jsonl", b"[1, 2]", r"list\.jsonl:1: expected a JSON object, found '\[1, 2\]'"),
        ("deep.jsonl", b"[" * 200_000, r"deep\.jsonl:1: not usable JSON"),
        ("digits.jsonl", b'{"a": ' + b"9" * 5000 + b"}", r"digits\.jsonl:1: not usable JSON"),
    ],
)
def test_a_broken_line_is_named_with_file_line_value_and_remedy(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        list(read_objects(tmp_path / name))


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"no such file\. Check the path"):
        list(read_lines(tmp_path / "absent"))
    with pytest.raises(DataError, match="cannot be opened"):
        list(read_lines(tmp_path))
