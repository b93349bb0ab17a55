"""Secrets in files, as Docker, Kubernetes and systemd hand them to a program."""

from __future__ import annotations

from pathlib import Path

from untilclick.search.errors import UntilclickError


class SecretFileError(UntilclickError):
    """A file that should hold a secret cannot be read, or holds none. The text never says what is in it."""


def read_secret(path: Path) -> str:
    """What the file holds, without the line's end. Raises SecretFileError."""
    try:
        secret = path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise SecretFileError(f"{path} cannot be read ({reason})") from None
    if not secret:
        raise SecretFileError(f"{path} is empty; write the secret into it")
    return secret
