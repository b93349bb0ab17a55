"""Secrets in files, as Docker, Kubernetes and systemd pass them to a program."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
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


def create_secret(path: Path, secret: str) -> None:
    """Write a secret into a new file that its owner alone can read; a file that exists is kept.

    Processes that start at the same time get the same secret: it is written to a temporary file, and a link to that
    is made whole or not at all. Raises SecretFileError if the file cannot be written.
    """
    if path.exists():
        return
    part = path.with_name(f".{path.name}-{secrets.token_hex(8)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(secret + "\n")
        os.link(part, path)
    except FileExistsError:
        return
    except OSError as error:
        raise SecretFileError(f"{path} cannot be written ({error.strerror})") from None
    finally:
        with suppress(OSError):
            part.unlink()
