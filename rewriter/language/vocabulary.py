"""The term vocabulary of the `corpus` policy: the terms of the index, after a few special tokens.

With index terms every output can be searched, and copying a term is an identity map. A small model over subwords
would first have to learn how words are spelt.

Outside words are words that no document holds: people type them, and no search finds them. A policy can read them, so
that it can learn what is meant by them, and never generates them. Their token ids come last, so that whatever is over
the vocabulary, as distributions are, ends before them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from untilclick.search.analysis.analysis import Analysis
from untilclick.search.analysis.by_name import ENGLISH, FIRST_NAME, analysis_by_name
from untilclick.search.errors import AnalysisError, ModelError
from untilclick.search.files.json_records import read_record
from untilclick.search.files.whole_files import write_whole
from untilclick.search.text.term_index import TermIndex

PAD_ID, EOS_ID, SEP_ID, UNK_ID, ALT_ID = range(5)
SPECIAL_TOKENS: tuple[str, ...] = ("<pad>", "</s>", "<sep>", "<unk>", "<alt>")
"""By token id: padding and decoder start; end of sequence; separator of a session's queries; a term outside the
vocabulary; mark before the spelling candidates of the preceding word."""

VOCABULARY_FILE = "vocabulary.json"


@dataclass(frozen=True)
class _Content:
    """The content of `vocabulary.json`."""

    terms: tuple[str, ...]
    surfaces: tuple[str, ...]
    document_frequencies: tuple[int, ...]
    analysis_name: str = FIRST_NAME
    whole_words: dict[str, str] = field(default_factory=dict)
    outside: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class TermVocabulary:
    """Token ids of index terms: the special tokens come first, then the terms in alphabetical order."""

    terms: tuple[str, ...]
    """Index terms; `terms[i]` has token id `len(SPECIAL_TOKENS) + i`."""
    surfaces: tuple[str, ...]
    """A readable word for each term, from which text analysis makes that term again."""
    document_frequencies: tuple[int, ...]
    """Number of documents that contain each term."""
    analysis_name: str = ENGLISH
    """Name of the analysis that the terms come from."""
    whole_words: Mapping[str, str] = field(default_factory=dict)
    """See `TermIndex.whole_words`."""
    outside: tuple[str, ...] = ()
    """Index terms of the outside words; `outside[i]` has token id `len(self) + i`."""

    @classmethod
    def from_index(cls, index: TermIndex, min_document_frequency: int, max_terms: int) -> TermVocabulary:
        """The terms in at least `min_document_frequency` documents, or the `max_terms` most frequent of them. Terms
        that only joined forms have (`wifi` of Wi-Fi) are left out: people would not read them as words."""
        frequencies = index.document_frequencies
        columns = np.flatnonzero((frequencies >= min_document_frequency) & index.written)
        if columns.size > max_terms:
            order = np.argsort(-frequencies[columns], kind="stable")[:max_terms]
            columns = np.sort(columns[order])
        terms = tuple(index.terms[i] for i in columns)
        return cls(
            terms=terms,
            surfaces=tuple(index.surfaces[i] for i in columns),
            document_frequencies=tuple(int(frequencies[i]) for i in columns),
            analysis_name=index.analysis.name,
            whole_words={term: index.whole_words[term] for term in terms if term in index.whole_words},
        )

    @cached_property
    def analysis(self) -> Analysis:
        """The analysis that the terms come from."""
        return analysis_by_name(self.analysis_name)

    def __len__(self) -> int:
        """Number of token ids without those of outside words, special tokens included."""
        return len(SPECIAL_TOKENS) + len(self.terms)

    def with_outside(self, outside: Iterable[str]) -> TermVocabulary:
        """The vocabulary that has these outside words as well, given by their index terms, behind those it has. Index
        terms of documents are left out."""
        new = (term for term in outside if term not in self.token_ids)
        return replace(self, outside=tuple(dict.fromkeys((*self.outside, *new))))

    @cached_property
    def token_ids(self) -> dict[str, int]:
        """Index term of documents -> token id."""
        return {term: i for i, term in enumerate(self.terms, start=len(SPECIAL_TOKENS))}

    @cached_property
    def read_ids(self) -> dict[str, int]:
        """Index term of documents or of an outside word -> token id."""
        return {**self.token_ids, **{term: i for i, term in enumerate(self.outside, start=len(self))}}

    @cached_property
    def tokens(self) -> tuple[str, ...]:
        """Token strings by id, special tokens and outside words included."""
        return SPECIAL_TOKENS + self.terms + self.outside

    def surface(self, token_id: int) -> str:
        """The readable word of a term token. Raises IndexError for a special token."""
        if token_id < len(SPECIAL_TOKENS):
            raise IndexError(f"token {token_id} is the special token {SPECIAL_TOKENS[token_id]}, not a term")
        return self.surfaces[token_id - len(SPECIAL_TOKENS)]

    def surfaces_of(self, token_ids: NDArray[np.integer]) -> list[str]:
        """The readable words of some term tokens. Raises IndexError as `surface` does."""
        if token_ids.size and token_ids.min() < len(SPECIAL_TOKENS):
            raise IndexError(f"some of the tokens {token_ids.tolist()} are special tokens, not terms")
        return [self.surfaces[row] for row in (token_ids - len(SPECIAL_TOKENS)).tolist()]

    def word(self, token_id: int) -> str:
        """The word of a term token as people read it; empty for a fragment of words. Raises IndexError as `surface`
        does."""
        return self.whole_words.get(self.tokens[token_id], self.surface(token_id))

    def text(self, ids: Sequence[int]) -> str:
        """The tokens of these ids, separated by spaces."""
        return " ".join(self.tokens[token] for token in ids)

    def index_columns(self, index: TermIndex) -> NDArray[np.int64]:
        """(V,) column of each token in `index.counts`; -1 for special tokens and for terms that the index lacks."""
        columns = [index.term_ids.get(term, -1) for term in self.terms]
        return np.array([-1] * len(SPECIAL_TOKENS) + columns, dtype=np.int64)

    def encode(self, terms: Sequence[str]) -> list[int]:
        """Token ids of index terms; unknown terms become UNK_ID."""
        return [self.token_ids.get(term, UNK_ID) for term in terms]

    def save(self, folder: Path) -> Path:
        """Write `vocabulary.json` into the folder; returns its path."""
        path, content = folder / VOCABULARY_FILE, asdict(self)
        if not self.outside:  # then the file is that of versions that knew no outside words
            del content["outside"]
        write_whole(path, json.dumps(content, ensure_ascii=False))
        return path

    @classmethod
    def load(cls, folder: Path) -> TermVocabulary:
        """Read `vocabulary.json` from the folder; a file that names no analysis has the first one, `1-en`. Raises
        ModelError if it is missing or broken, or names an analysis that this build does not know."""
        path = folder / VOCABULARY_FILE
        try:
            content = read_record(_Content, path, ignore_unknown=True)
        except (OSError, ValueError) as error:
            raise ModelError(f"{path} cannot be read as a vocabulary ({error}); train the model again") from error
        try:
            analysis = analysis_by_name(content.analysis_name)
        except AnalysisError as error:
            raise ModelError(f"{path}: {error}") from error
        columns = content.terms, content.surfaces, content.document_frequencies
        return cls(*columns, analysis.name, content.whole_words, content.outside)
