"""Secrets that lie in files."""

from __future__ import annotations

import pytest

from untilclick.search.files.secret_files import SecretFileError, read_secret


@pytest.mark.parametrize("content", [b"sesame", b"sesame\n", b"sesame\r\n"])
def test_a_secret_is_read_without_the_line_end(tmp_path, content):
    (tmp_path / "secret").write_bytes(content)
    assert read_secret(tmp_path / "secret") == "sesame"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"secret cannot be read \(No such file or directory\)"),
        (b"", r"secret is empty; write the secret into it"),
        (b"\n", r"secret is empty"),
        (b"sesame \xff", r"secret cannot be read \(it is not UTF-8 text\)"),
    ],
)
def test_a_file_without_a_secret_is_named_and_its_content_is_not(tmp_path, content, message):
    if content is not None:
        (tmp_path / "secret").write_bytes(content)
    with pytest.raises(SecretFileError, match=message) as refused:
        read_secret(tmp_path / "secret")
    assert "sesame" not in str(refused.value)
