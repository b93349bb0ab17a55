"""Where caches lie."""

from __future__ import annotations

from untilclick.search.files.cache_folder import cache_directory


def test_the_cache_lies_where_the_environment_says(monkeypatch):
    monkeypatch.setenv("HOME", "/c")
    monkeypatch.setenv("XDG_CACHE_HOME", "/b")
    assert cache_directory({"UNTILCLICK_CACHE": "/a"}).as_posix() == "/a"
    assert cache_directory({}).as_posix() == "/b/untilclick"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_directory({}).as_posix().startswith("/c/")


def test_without_a_home_directory_the_cache_lies_among_temporary_files(monkeypatch, tmp_path):
    """A container may run under a number that has no entry among the users."""
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", dict[int, None]().__getitem__)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert cache_directory({}).is_relative_to(tmp_path)
