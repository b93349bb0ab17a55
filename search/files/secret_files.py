"""Secrets in files, as Docker, Kubernetes and systemd pass them to a program."""

from __future__ import annotations

from pathlib import Path

from untilclick.search.errors import UntilclickError


class SecretFileError(UntilclickError):
    """A file that should hold a secret is unreadable or empty. The text never repeats the file's content."""


def read_secret(path: Path) -> str:
    """The secret in the file, without the line end. Raises SecretFileError if the file is unreadable or empty."""
    try:
        secret = path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise SecretFileError(f"{path} cannot be read ({reason})") from None
    if not secret:
        raise SecretFileError(f"{path} is empty; write the secret into it")
    return secret
