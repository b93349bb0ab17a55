"""Arrays on disk that grow."""

from __future__ import annotations

import numpy as np
import pytest

from untilclick.search.engines.vectors import growing_array
from untilclick.search.errors import EngineError

ROWS = np.arange(30, dtype=np.float16).reshape(10, 3)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "folder" / "array.npy"
    growing_array.create(path, (3,), "<f2")
    return path


def test_rows_are_added_at_the_end(path):
    growing_array.append(path, 0, ROWS[:4])
    mapped = growing_array.mapped(path)
    growing_array.append(path, 4, ROWS[4:])
    assert np.array_equal(growing_array.mapped(path), ROWS)
    assert np.array_equal(mapped, ROWS[:4])  # a reader keeps what it has
    assert np.array_equal(np.load(path), ROWS)
    assert growing_array.mapped(path).dtype == np.float16


def test_a_new_file_has_no_rows(path):
    assert growing_array.mapped(path).shape == (0, 3)


def test_rows_from_a_number_on_are_replaced(path):
    growing_array.append(path, 0, ROWS)
    growing_array.append(path, 2, ROWS[5:7])
    assert np.array_equal(np.load(path), ROWS[[0, 1, 5, 6]])


def test_rows_that_the_header_does_not_count_yet_do_not_exist(path):
    """A process was killed after it had written rows, and before it wrote the header."""
    growing_array.append(path, 0, ROWS[:4])
    with path.open("ab") as file:
        file.write(ROWS[4:6].tobytes() + b"x")
    assert np.array_equal(growing_array.mapped(path), ROWS[:4])
    growing_array.append(path, 4, ROWS[7:])
    assert np.array_equal(np.load(path), ROWS[[0, 1, 2, 3, 7, 8, 9]])


def test_the_header_has_room_for_any_number_of_rows(path):
    before = path.stat().st_size
    growing_array.append(path, 0, np.zeros((100_000, 3)))
    assert path.stat().st_size == before + 100_000 * 3 * 2


@pytest.mark.parametrize("content", [b"", b"no array", None])
def test_a_damaged_file_is_named(path, content):
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(EngineError, match=r"array\.npy is not an array that can be read .* Delete it"):
        growing_array.mapped(path)
