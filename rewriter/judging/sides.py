"""The sides of a split: a keyed hash of the need decides, the same for every version.

The key is secret, so that a searcher cannot aim at the judged side, and it is kept, so that versions trained months
apart have the same sides. The hash is BLAKE2b (RFC 7693).
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from untilclick.search.files.secret_files import create_secret, read_secret

KEY_BYTES = 16
"""Length of a new key."""


@dataclass(frozen=True)
class SplitKey:
    """The key of the hash that decides sides."""

    secret: bytes = field(repr=False)

    @classmethod
    def of_seed(cls, seed: int) -> SplitKey:
        """The key of a run whose seed is known, so that it can be repeated."""
        return cls(f"seed {seed}".encode())

    @classmethod
    def of_file(cls, path: Path) -> SplitKey:
        """The key in a file, which is made first if it does not exist. Raises SecretFileError for a file that cannot
        be used."""
        create_secret(path, secrets.token_hex(KEY_BYTES))
        return cls(hashlib.sha256(read_secret(path).encode()).digest())

    @property
    def name(self) -> str:
        """Eight hexadecimal digits that tell keys apart and may be published."""
        return hashlib.blake2b(b"name", key=self.secret, digest_size=4).hexdigest()

    def number(self, purpose: str, text: str) -> int:
        """A number of 64 bits that depends on key, purpose and text; `purpose` has at most 16 bytes."""
        digest = hashlib.blake2b(
            text.encode("utf-8", "surrogatepass"), key=self.secret, person=purpose.encode(), digest_size=8
        ).digest()
        return int.from_bytes(digest, "big")
