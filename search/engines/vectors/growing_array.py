"""A `.npy` file that grows: rows are added at its end, and readers map it into memory.

numpy leaves room in a file's header for a longer shape. Rows are written behind those that the header counts, then
the header is written anew. If the process is killed in between, the header counts the earlier rows, and the next rows
take the place of the uncounted ones.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from untilclick.search.errors import EngineError
from untilclick.search.files.whole_files import write_whole

Array = NDArray[Any]  # Any: of the type that the file was made with


def create(path: Path, row_shape: tuple[int, ...], dtype: str) -> None:
    """Write a file without rows. Raises DataError or OSError if it cannot be written."""
    content = io.BytesIO()
    np.save(content, np.empty((0, *row_shape), dtype=dtype))
    write_whole(path, content.getvalue())


def mapped(path: Path) -> Array:
    """(N, ...) The rows of a file, mapped for reading. Raises EngineError if it is damaged."""
    try:
        rows: Array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        problem = f"{path} is not an array that can be read ({error})"
        raise EngineError(f"{problem}. Delete it to have it made anew") from error
    return rows


def append(path: Path, start: int, rows: Array) -> None:
    """Write rows from number `start` on; rows of the file from that number on are replaced.

    No other process may append at the same time. Readers that have mapped the file keep the rows before `start`.
    """
    with path.open("r+b") as file:
        npy.read_magic(file)
        shape, _, dtype = npy.read_array_header_1_0(file)
        assert start <= shape[0]
        begin = file.tell()
        file.seek(begin + start * dtype.itemsize * int(np.prod(shape[1:], dtype=np.int64)))
        file.write(np.ascontiguousarray(rows, dtype=dtype).tobytes())
        file.truncate()
        file.flush()
        os.fsync(file.fileno())
        shape = (start + len(rows), *shape[1:])
        header = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        file.seek(0)
        npy.write_array_header_1_0(file, header)
        assert file.tell() == begin
        file.flush()
        os.fsync(file.fileno())
