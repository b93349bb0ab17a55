"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import os
import stat

import pytest

from untilclick.search.errors import DataError
from untilclick.search.files.whole_files import whole_file, whole_folder, write_whole


@pytest.mark.parametrize(
    ("content", "stored"), [("é\r\n\n", b"\xc3\xa9\r\n\n"), (b"\xff\r\n", b"\xff\r\n"), ("", b""), (b"", b"")]
)
def test_text_and_bytes_are_written_as_they_are(tmp_path, content, stored):
    path = tmp_path / "new" / "folder" / "a"
    write_whole(path, content)
    assert path.read_bytes() == stored
    assert list(path.parent.iterdir()) == [path]


def test_an_older_file_is_replaced(tmp_path):
    path = tmp_path / "a"
    path.write_text("a longer text than the new one", encoding="utf-8")
    write_whole(path, "new")
    assert path.read_text(encoding="utf-8") == "new"


def test_a_reader_finds_the_older_file_until_the_block_ends(tmp_path):
    path = tmp_path / "a"
    write_whole(path, "old")
    with whole_file(path) as file:
        file.write("new")
        file.flush()
        assert path.read_text(encoding="utf-8") == "old"
    assert path.read_text(encoding="utf-8") == "new"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_older_file_stays_and_nothing_else_when_the_block_fails(tmp_path, error):
    path = tmp_path / "a"
    write_whole(path, "old")

    def fail_halfway():
        with whole_file(path) as file:
            file.write("half")
            raise error

    with pytest.raises(error):
        fail_halfway()
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_text_that_is_not_unicode_leaves_the_older_file(tmp_path):
    path = tmp_path / "a"
    write_whole(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "new \ud800")
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_bytes_are_on_the_disk_before_the_file_has_its_name(tmp_path, monkeypatch):
    """A rename that reaches the disk before the content leaves an empty file after a power failure."""
    path, steps = tmp_path / "a", []
    monkeypatch.setattr(os, "fsync", lambda _: steps.append(path.exists()))
    write_whole(path, "new")
    assert steps == [False]


def test_the_file_has_the_rights_of_any_new_file(tmp_path):
    write_whole(tmp_path / "a", "x")
    (tmp_path / "b").write_text("x", encoding="utf-8")
    a, b = (stat.S_IMODE((tmp_path / name).stat().st_mode) for name in "ab")
    assert a == b


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"file/a: cannot be written \(.*\)\. Choose a folder"):
        write_whole(tmp_path / "file" / "a", "x")


def write_folder(folder, text, fail=False):
    with whole_folder(folder) as new:
        (new / "a.txt").write_text(text)
        if fail:
            raise RuntimeError("half way")


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    folder = tmp_path / "deep" / "folder"
    write_folder(folder, "first")
    (folder / "left_over").touch()
    write_folder(folder, "second")
    assert [path.name for path in folder.iterdir()] == ["a.txt"]
    assert (folder / "a.txt").read_text() == "second"
    assert [path.name for path in folder.parent.iterdir()] == ["folder"]


def test_the_old_folder_stays_when_writing_fails(tmp_path):
    folder = tmp_path / "folder"
    write_folder(folder, "first")
    with pytest.raises(RuntimeError, match="half way"):
        write_folder(folder, "second", fail=True)
    assert (folder / "a.txt").read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_the_old_folder_comes_back_when_the_new_one_cannot_take_its_place(tmp_path):
    """It used to be deleted together with the new one."""
    folder = tmp_path / "folder"
    write_folder(folder, "first")
    with pytest.raises(OSError, match="folder"), whole_folder(folder) as new:
        new.rmdir()  # so that it cannot be renamed
    assert (folder / "a.txt").read_text() == "first"
