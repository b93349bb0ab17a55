"""The scope of a version: the queries that its learned model answers, if it serves queries that return alone.

These are the queries that several visitors typed, by their index terms, and all queries with a word of theirs that no
document holds: such a word matches nothing, so all that is known of it was learned from those visitors. A word that
the spelling corrector would replace counts as well. The narrowest scope (`alone`) are queries of such words and
nothing else, which find nothing as they are typed.

The file holds hashes with a salt of its own instead of the visitors' words: BLAKE2b (RFC 7693) of 64 bits, keyed by
the salt. Whoever has a bundle cannot read the queries from it, nor see which queries two bundles share. The salt
stands in the same file, because the service needs it, so a guess can be tested: that a query is in scope is no secret
from somebody who thinks of this query. The number of queries is no secret either.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from untilclick.rewriter.judging.needs import terms_of_query
from untilclick.search.analysis.analysis import Analysis
from untilclick.search.errors import ModelError
from untilclick.search.files.json_records import read_record
from untilclick.search.files.whole_files import write_whole

SCOPE_FILE = "scope.json"
SALT_BYTES = 16
"""Length of a salt."""


class KnownWords(Protocol):
    """The part of `untilclick.search.text.spelling.SpellingCorrector` that a scope is made with."""

    def is_known(self, word: str) -> bool:
        """Whether the index can match the word."""


@dataclass(frozen=True)
class _Content:
    """The content of `scope.json`."""

    salt: str
    queries: tuple[str, ...]
    words: tuple[str, ...]
    alone: bool = False


@dataclass(frozen=True)
class Scope:
    """The queries that a learned model answers, as salted hashes in hexadecimal."""

    salt: bytes
    queries: frozenset[str]
    """Hashes of the index terms of queries that return."""
    words: frozenset[str]
    """Hashes of the index terms of their words that no document holds."""
    analysis: Analysis
    """That of the index."""
    alone: bool = False
    """Whether every word of a query must be one of `words`."""

    @classmethod
    def of_words(cls, terms: Iterable[str], analysis: Analysis, salt: bytes) -> Scope:
        """The scope of the queries that consist of words with these index terms, which no document has. `salt` is as
        in `of`."""
        words = frozenset(_hash(salt, b"word", term) for term in terms)
        return cls(salt, frozenset(), words, analysis, alone=True)

    @classmethod
    def of(cls, queries: Iterable[str], analysis: Analysis, known: KnownWords, salt: bytes) -> Scope:
        """The scope of the queries that return. `known` are the words of all documents; `salt` are `SALT_BYTES`
        random bytes, others for each bundle."""
        queries = list(queries)
        unheld = {
            term
            for query in queries
            for word in analysis.words(query)
            if (term := analysis.term_of(word)) is not None and not known.is_known(word)
        }
        return cls(
            salt=salt,
            queries=frozenset(_hash(salt, b"query", terms_of_query(query, analysis)) for query in queries),
            words=frozenset(_hash(salt, b"word", term) for term in unheld),
            analysis=analysis,
        )

    def covers(self, query: str) -> bool:
        """Whether the query returns, or has a word of such queries that no document holds; if `alone`, whether it has
        such words and no other."""
        if self.alone:
            terms = list(self._terms(query))
            return bool(terms) and all(_hash(self.salt, b"word", term) in self.words for term in terms)
        if _hash(self.salt, b"query", terms_of_query(query, self.analysis)) in self.queries:
            return True
        return bool(self.words) and any(_hash(self.salt, b"word", term) in self.words for term in self._terms(query))

    def _terms(self, query: str) -> Iterator[str]:
        """The index terms of the query's words."""
        terms = (self.analysis.term_of(word) for word in self.analysis.words(query))
        return (term for term in terms if term is not None)

    def save(self, folder: Path) -> Path:
        """Write `scope.json` into the folder; returns its path."""
        content: dict[str, object] = {
            "salt": self.salt.hex(),
            "queries": sorted(self.queries),
            "words": sorted(self.words),
        }
        if self.alone:
            content["alone"] = True
        path = folder / SCOPE_FILE
        write_whole(path, json.dumps(content))
        return path

    @classmethod
    def load(cls, folder: Path, analysis: Analysis) -> Scope:
        """Read `scope.json` from the folder. Raises ModelError if it is missing or broken."""
        path = folder / SCOPE_FILE
        try:
            content = read_record(_Content, path)
            salt = bytes.fromhex(content.salt)
        except (OSError, ValueError) as error:
            raise ModelError(f"{path} cannot be read ({error}); make it again with `untilclick export`") from error
        return cls(salt, frozenset(content.queries), frozenset(content.words), analysis, content.alone)


def _hash(salt: bytes, purpose: bytes, text: str) -> str:
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=salt, person=purpose, digest_size=8)
    return digest.hexdigest()
