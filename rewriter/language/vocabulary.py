"""The term vocabulary of the `corpus` policy: the index's own terms behind a few special tokens.

A subword vocabulary would have to learn from scratch how words are spelt; with index terms every output is
searchable by construction and copying is an identity map.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from untilclick.search.errors import ModelError
from untilclick.search.text.term_index import TermIndex

PAD_ID, EOS_ID, SEP_ID, UNK_ID, ALT_ID = range(5)
SPECIAL_TOKENS: tuple[str, ...] = ("<pad>", "</s>", "<sep>", "<unk>", "<alt>")
"""Padding and decoder start; end of sequence; between queries of a session; a term outside the vocabulary; before
the spelling candidates of the word in front."""

_FILE = "vocabulary.json"


@dataclass(frozen=True, eq=False)
class TermVocabulary:
    """Token ids: the specials first, then index terms in alphabetical order."""

    terms: tuple[str, ...]
    """Index terms; `terms[i]` has token id `len(SPECIAL_TOKENS) + i`."""
    surfaces: tuple[str, ...]
    """A readable word for each term, which analyses back to it."""
    document_frequencies: tuple[int, ...]

    @classmethod
    def from_index(cls, index: TermIndex, min_document_frequency: int, max_terms: int) -> TermVocabulary:
        """Terms in at least `min_document_frequency` documents; of more than `max_terms`, the most frequent."""
        frequencies = index.document_frequencies
        kept = np.flatnonzero(frequencies >= min_document_frequency)
        if kept.size > max_terms:
            order = np.argsort(-frequencies[kept], kind="stable")[:max_terms]
            kept = np.sort(kept[order])
        return cls(
            terms=tuple(index.terms[i] for i in kept),
            surfaces=tuple(index.surfaces[i] for i in kept),
            document_frequencies=tuple(int(frequencies[i]) for i in kept),
        )

    def __len__(self) -> int:
        """Number of token ids, specials included."""
        return len(SPECIAL_TOKENS) + len(self.terms)

    @cached_property
    def token_ids(self) -> dict[str, int]:
        """Index term -> token id."""
        return {term: i for i, term in enumerate(self.terms, start=len(SPECIAL_TOKENS))}

    @cached_property
    def tokens(self) -> tuple[str, ...]:
        """Token strings by id, specials included."""
        return SPECIAL_TOKENS + self.terms

    def surface(self, token_id: int) -> str:
        """The readable word of a term token. Raises IndexError for a special token."""
        if token_id < len(SPECIAL_TOKENS):
            raise IndexError(f"token {token_id} is special, not a term")
        return self.surfaces[token_id - len(SPECIAL_TOKENS)]

    def text(self, ids: Sequence[int]) -> str:
        """Tokens separated by spaces."""
        return " ".join(self.tokens[token] for token in ids)

    def index_columns(self, index: TermIndex) -> NDArray[np.int64]:
        """(V,) column of each token in `index.counts`, -1 for specials and for terms the index lacks."""
        columns = [index.term_ids.get(term, -1) for term in self.terms]
        return np.array([-1] * len(SPECIAL_TOKENS) + columns, dtype=np.int64)

    def encode(self, terms: Sequence[str]) -> list[int]:
        """Token ids of index terms; unknown terms become UNK_ID."""
        return [self.token_ids.get(term, UNK_ID) for term in terms]

    def save(self, folder: Path) -> Path:
        """Write `vocabulary.json` into the folder."""
        path = folder / _FILE
        content = {"terms": self.terms, "surfaces": self.surfaces, "document_frequencies": self.document_frequencies}
        path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
        return path

    @classmethod
    def load(cls, folder: Path) -> TermVocabulary:
        """Read `vocabulary.json` from the folder. Raises ModelError when it is missing or broken."""
        path = folder / _FILE
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            return cls(tuple(content["terms"]), tuple(content["surfaces"]), tuple(content["document_frequencies"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(f"{path} cannot be read as a vocabulary ({error}); train the model again") from error
