"""Signed click tokens: each result carries a token, and the client sends it back with the click.

The token names session, query, document and rank. A client can therefore neither claim a click on a document that it
was not shown nor move a click to another rank, and the service stores nothing for results that are never clicked.
itsdangerous signs the tokens (HMAC-SHA-256); this module defines their content and the file of the key.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from itsdangerous import BadSignature, TimestampSigner, URLSafeTimedSerializer
from itsdangerous.encoding import base64_decode, base64_encode

from untilclick.search.errors import UntilclickError
from untilclick.search.files.secret_files import SecretFileError, create_secret

SALT = "untilclick.click.v1"
KEY_BYTES = 32
"""Random bytes of a key that this module makes, and the fewest characters of a usable key."""
CLOCKS_APART_S = 60
"""Seconds by which a token may have been signed in the future: clocks of hosts differ, and may be set back."""
MAX_TOKEN_CHARACTERS = 4096
"""Longer texts are not tokens of this service."""


class ClickTokenError(UntilclickError):
    """A token is forged, altered or expired, or the key that signs tokens cannot be used."""


@dataclass(frozen=True, slots=True)
class ShownResult:
    """One result as it was shown to a visitor."""

    session_id: str
    query_id: str
    doc_id: str
    rank: int
    """1-based."""


class ClickTokens:
    """Signs and reads tokens. May be shared between threads."""

    def __init__(self, keys: Sequence[str], lifetime_s: int, clock: Callable[[], float] = time.time) -> None:
        """`keys`, oldest first: the last one signs, all are accepted. Tokens expire after `lifetime_s` seconds."""
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
        """The token of a result."""
        return self._serializer.dumps([shown.session_id, shown.query_id, shown.doc_id, shown.rank])

    def read(self, token: str) -> ShownResult:
        """The result that a token stands for. Raises ClickTokenError if the token is forged, altered or expired."""
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
    """Whether a valid signature is spelled exactly as `sign` spells it: base64 decodes several spellings alike."""
    signature = token.rpartition(".")[2]
    return base64_encode(base64_decode(signature)).decode("ascii") == signature


class _ClockSigner(TimestampSigner):
    """A signer that takes its clock as an argument."""

    def __init__(self, secret_key: list[bytes], salt: bytes, clock: Callable[[], float]) -> None:
        super().__init__(secret_key, salt=salt, key_derivation="hmac", digest_method=hashlib.sha256)
        self._clock = clock

    def get_timestamp(self) -> int:
        """Seconds since the epoch."""
        return int(self._clock())


def stored_key(path: Path) -> str:
    """The key in a file. A missing file is created with a new key, readable by its owner alone.

    Processes that start at the same time get the same key. Raises ClickTokenError if the file cannot be used.
    """
    try:
        create_secret(path, secrets.token_urlsafe(KEY_BYTES))
        key = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError, SecretFileError) as error:
        raise ClickTokenError(f"The key file {path} cannot be used ({error}); set UNTILCLICK_SECRET_FILE.") from error
    if len(key) < KEY_BYTES:
        raise ClickTokenError(
            f"The key in {path} is shorter than {KEY_BYTES} characters; delete the file to get a new key."
        )
    return key
