"""Signed click tokens: what was shown, and where, travels with the result and comes back with the click.

Nothing is stored for results that are never clicked. A token is bound to session, query, document and rank, so that
a client can neither claim a click on something it was not shown nor move it to another rank. Signing is itsdangerous
(HMAC-SHA-256); what is ours is the payload and the key file.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from itsdangerous import BadSignature, TimestampSigner, URLSafeTimedSerializer
from itsdangerous.encoding import base64_decode, base64_encode

from untilclick.search.errors import UntilclickError

SALT = "untilclick.click.v1"
KEY_BYTES = 32
CLOCKS_APART_S = 60
"""How far in the future a token may have been signed: clocks of hosts differ, and are set back."""
MAX_TOKEN_CHARACTERS = 4096
"""Longer texts are no tokens of ours."""


class ClickTokenError(UntilclickError):
    """A token that is forged, altered or expired."""


@dataclass(frozen=True, slots=True)
class ShownResult:
    """One result of one answer."""

    session_id: str
    query_id: str
    doc_id: str
    rank: int
    """1-based."""


class ClickTokens:
    """Makes and reads tokens. May be shared between threads."""

    def __init__(self, keys: Sequence[str], lifetime_s: int, clock: Callable[[], float] = time.time) -> None:
        """`keys` oldest first: the last one signs, all are accepted. `lifetime_s` is in seconds."""
        if not keys:
            raise ValueError("Click tokens need at least one key")
        self._lifetime_s = lifetime_s
        self._clock = clock
        self._serializer = URLSafeTimedSerializer(
            list(keys),
            salt=SALT,
            signer=_ClockSigner,
            signer_kwargs={"clock": clock},
        )

    def sign(self, shown: ShownResult) -> str:
        """The token of one shown result."""
        return self._serializer.dumps([shown.session_id, shown.query_id, shown.doc_id, shown.rank])

    def read(self, token: str) -> ShownResult:
        """What a token stands for. Raises ClickTokenError when it is forged, altered or expired."""
        if len(token) > MAX_TOKEN_CHARACTERS:
            raise ClickTokenError("This click token was not issued here; search again and click a result.")
        try:
            (session_id, query_id, doc_id, rank), signed = self._serializer.loads(token, return_timestamp=True)
        except (BadSignature, ValueError, TypeError):
            raise ClickTokenError("This click token was not issued here; search again and click a result.") from None
        if not _exact(token):
            raise ClickTokenError("This click token was not issued here; search again and click a result.")
        if not -CLOCKS_APART_S <= self._clock() - signed.timestamp() <= self._lifetime_s:
            raise ClickTokenError("This click token has expired; search again and click a result.")
        return ShownResult(session_id, query_id, doc_id, rank)


def _exact(token: str) -> bool:
    """Whether a signature that is right is also written as we write it: base64 reads more than one text alike."""
    signature = token.rpartition(".")[2]
    return base64_encode(base64_decode(signature)).decode("ascii") == signature


class _ClockSigner(TimestampSigner):
    """A signer whose time is an argument."""

    def __init__(self, secret_key: list[bytes], salt: bytes, clock: Callable[[], float]) -> None:
        super().__init__(secret_key, salt=salt, key_derivation="hmac", digest_method=hashlib.sha256)
        self._clock = clock

    def get_timestamp(self) -> int:
        """Seconds since the epoch."""
        return int(self._clock())


def stored_key(path: Path) -> str:
    """The key in a private file, which is made, readable by its owner alone, where it is absent.

    Processes that start at the same time get the same key. Raises ClickTokenError where the file cannot be used.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _make(path)
        key = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ClickTokenError(f"The key file {path} cannot be used ({error}); set UNTILCLICK_SECRET_FILE.") from error
    if len(key) < KEY_BYTES:
        raise ClickTokenError(f"The key file {path} holds no usable key; delete it to have one made.")
    return key


def _make(path: Path) -> None:
    """Make the file with a fresh key under a name of its own, then link it into place: whole, or somebody else's."""
    if path.exists():
        return
    part = path.with_name(f".{path.name}-{secrets.token_hex(8)}.part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(KEY_BYTES) + "\n")
        os.link(part, path)
    except FileExistsError:
        return
    finally:
        part.unlink(missing_ok=True)
