"""`2-LANGUAGE`, the analysis of texts in any language: Unicode normal forms, words of any script, stems by language.

A word's index term is its form without accents and without its ending (Snowball). Accents go first, so that a query
without accents always meets a text with them. Each script has at most one language, whose stop words and stemmer its
words get; words of other scripts keep their endings.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache
from itertools import chain, filterfalse
from typing import NamedTuple

from untilclick.search.analysis.analysis import DocumentTerms, DocumentWords, PlacedKeyword, QueryTerms, Span
from untilclick.search.analysis.beginnings import candidate_words
from untilclick.search.analysis.compounds import Decompounder
from untilclick.search.analysis.languages import LANGUAGES
from untilclick.search.analysis.normal_form import case_folded, folded, lowered, normalised
from untilclick.search.analysis.offsets import aligned
from untilclick.search.analysis.scripts import Script, script_of
from untilclick.search.analysis.stems import stemmer, stop_word_test
from untilclick.search.analysis.words import (
    chunks,
    forms,
    is_plain,
    keyword_spans,
    keywords,
    units,
    unordered_chunks,
    without_typography,
)
from untilclick.search.analysis.words import spans as word_spans

MAX_TERM_BYTES = 255
"""Terms of more UTF-8 bytes are not indexed."""

LEAD = 100
"""Number of chunks at the beginning of a document whose stop words are indexed. A query of stop words alone is a
title, the name of a band or a first line, and such names stand at the beginning."""

LEAD_CHARACTERS = 1000
"""Length of the beginning in which these chunks are looked for in a text that is not ASCII."""

MEMORY = 1 << 19
"""Number of chunks whose terms are kept, about 600 bytes each; then the memory begins anew."""

WORD_MEMORY = 1 << 18
"""Number of words whose index term is kept, those used last."""

SHORT_TOKEN, TOKEN_MEMORY = 40, 1 << 16
"""Characters of the longest part of a text whose spans are kept, and the number of such parts. Snippets read the same
documents again and again; longer parts are rarely words."""

SHORT_QUERY, QUERY_MEMORY = 256, 1 << 13
"""Characters of the longest query whose terms are kept, and the number of such queries."""

_TOKEN = re.compile(r"\S+")
_ASCII_WORD = re.compile("[A-Za-z0-9]+")

_NAME = re.compile(r"\n(\S+)")
"""Matches the name of a chunk after its terms."""


class _Chunk(NamedTuple):
    """The words and terms of a chunk."""

    written: tuple[str, ...] = ()
    """Words that stand in it, and the parts of camelCase names."""
    names: tuple[str, ...] = ()
    """Names as one word, such as `snakecase` of snake_case. They and the written words are the words of a query."""
    made: tuple[str, ...] = ()
    """The names, and further words of a document: joined forms, and the parts of names with a number."""
    terms: tuple[str, ...] = ()
    """The index terms of the written words and the names that have one."""
    joined_terms: tuple[str, ...] = ()
    """The index terms of its joined forms."""
    wholes: tuple[str, ...] = ()
    """Terms of `aside` that a query with this chunk reads."""
    stop_words: tuple[str, ...] = ()
    """Terms of `aside` that a query reads if it has no other term."""
    forms: frozenset[str] = frozenset()
    """The other terms of `aside`: whole forms, and single characters of scripts without spaces."""

    @property
    def words(self) -> tuple[str, ...]:
        """The words of a query."""
        return (*self.written, *self.names)

    @property
    def further(self) -> tuple[str, ...]:
        """The words that a document has beyond those of a query."""
        return self.made[len(self.names) :]


class _Fields:
    """The terms of the chunks that documents had so far. A build of an index looks up millions of chunks, so these
    are plain dictionaries and sets, one look-up gives all that most chunks have, and the chunks that are missing are
    added after a look-up has failed."""

    def __init__(self) -> None:
        self.terms: dict[str, str] = {}
        """Chunk -> its terms of `body`, separated by spaces. A stop word has a space before it, as no term has. Other
        chunks with terms of `aside` have a line break and their own name after their terms."""
        self.stop_words: set[str] = set()
        """The values of `terms` that are a stop word."""
        self.aside: dict[str, frozenset[str]] = {}
        """Chunk with its own name in `terms` -> its terms of `aside` that are no stop words."""
        self.aside_stop_words: dict[str, frozenset[str]] = {}
        """Chunk with its own name in `terms` -> its stop words; chunks without any are left out."""

    def add(self, name: str, chunk: _Chunk, further_terms: Iterable[str]) -> None:
        """Keep the terms of a chunk."""
        terms = " ".join((*chunk.terms, *further_terms))
        if len(chunk.stop_words) == 1 and not (terms or chunk.forms):
            terms = f" {chunk.stop_words[0]}"
            self.stop_words.add(terms)
        elif chunk.stop_words or chunk.forms:
            terms = f"{terms}\n{name}"
            self.aside[name] = chunk.forms
            if chunk.stop_words:
                self.aside_stop_words[name] = frozenset(chunk.stop_words)
        self.terms[name] = terms  # last: another thread that sees it looks up the rest

    def further_aside(self, names: AbstractSet[str], lead: Iterable[str]) -> Iterator[str]:
        """The terms of `aside` of chunks that have their own name in `terms`; their stop words if they are among the
        `lead`."""
        stop_words = self.aside_stop_words.keys() & names
        if stop_words:
            stop_words &= set(lead)
        yield from chain.from_iterable(map(self.aside.__getitem__, names))
        yield from chain.from_iterable(map(self.aside_stop_words.__getitem__, stop_words))


class UnicodeAnalysis:
    """`Analysis` of texts in any language: Unicode normal forms, words of any script, stems by language."""

    def __init__(
        self,
        name: str,
        languages: Sequence[str],
        *,
        keep_accents: bool = False,
        compounds: Decompounder | None = None,
    ) -> None:
        """`languages` are codes of `LANGUAGES`, the main language first; each has another script. `compounds` adds
        the parts of compound words; None leaves them whole."""
        self.name = name
        self.language = languages[0]
        self.languages = tuple(languages)
        of_latin: Mapping[Script, str] = {"latin": "en"}  # among words of another script, most Latin ones are English
        self._by_script = {**of_latin, **{LANGUAGES[code].script: code for code in languages}}
        self._latin = self._by_script.get("latin", "")
        self._keep_accents = keep_accents
        self._compounds = compounds
        self._chunks: dict[str, _Chunk] = {}
        self._plain_words: dict[str, str] = {}  # plain chunk -> its word
        self._fields = _Fields()
        self.term_of = lru_cache(maxsize=WORD_MEMORY)(self._term_of)
        self._word_span_terms = lru_cache(maxsize=WORD_MEMORY)(self._span_terms)
        self._short_token_spans = lru_cache(maxsize=TOKEN_MEMORY)(self._token_spans)
        self._cached_query = lru_cache(maxsize=QUERY_MEMORY)(self._query)

    def terms(self, text: str) -> list[str]:
        """See `Analysis.terms`."""
        return [term for chunk in chunks(normalised(text)) for term in self._chunk(chunk).terms]

    def words(self, text: str) -> list[str]:
        """See `Analysis.words`."""
        return [word for chunk in chunks(normalised(text)) for word in self._chunk(chunk).words]

    def document_words(self, text: str) -> DocumentWords:
        """See `Analysis.document_words`."""
        normal = normalised(text)
        text_chunks = unordered_chunks(normal)
        words = list(map(self._plain_words.get, text_chunks))
        written: dict[str, int] = Counter(filter(None, words))
        made: dict[str, int] = Counter(units(normal))
        others = Counter(name for name, word in zip(text_chunks, words, strict=True) if word is None)
        for name, count in others.items():
            if self._is_plain(name):
                word = self._kept_plain_word(name)
                written[word] = written.get(word, 0) + count
                continue
            chunk = self._chunk(name)
            for word in chunk.written:
                written[word] = written.get(word, 0) + count
            for word in chunk.made:
                made[word] = made.get(word, 0) + count
        return DocumentWords(written, made)

    def query(self, text: str) -> QueryTerms:
        """See `Analysis.query`."""
        return self._cached_query(text) if len(text) <= SHORT_QUERY else self._query(text)

    def document(self, text: str) -> DocumentTerms:
        """See `Analysis.document`."""
        normal = normalised(text)
        spaced = without_typography(normal)
        text_chunks = unordered_chunks(spaced)
        fields = self._fields
        try:
            of_chunks = list(map(fields.terms.__getitem__, text_chunks))
        except KeyError:
            fields = self._fields_with(text_chunks)
            of_chunks = list(map(fields.terms.__getitem__, text_chunks))
        body = " ".join(filterfalse(fields.stop_words.__contains__, of_chunks))
        lead = text_chunks[:LEAD] if spaced.isascii() else chunks(spaced[:LEAD_CHARACTERS])[:LEAD]
        of_lead = of_chunks[:LEAD] if spaced.isascii() else map(fields.terms.get, lead)
        aside = {term[1:] for term in fields.stop_words.intersection(of_lead)}
        if "\n" in body:
            aside.update(fields.further_aside(set(_NAME.findall(body)), lead))
            body = _NAME.sub("", body)
        if of_units := [term for unit in units(normal) for term in self._chunk(unit).terms]:
            body = " ".join((body, *of_units))
        return DocumentTerms(body.strip(), " ".join(sorted(aside)))

    def _fields_with(self, text_chunks: Iterable[str]) -> _Fields:
        """The terms of the chunks so far, with those of further chunks."""
        fields = self._fields
        if len(fields.terms) > MEMORY:
            fields = self._fields = _Fields()
        for name in text_chunks:
            if name not in fields.terms:
                chunk = self._chunk(name)
                fields.add(name, chunk, filter(None, map(self.term_of, chunk.further)))
        return fields

    def spans(self, text: str) -> Iterator[Span]:
        """See `Analysis.spans`."""
        for match in _TOKEN.finditer(text):
            token, offset = match.group(), match.start()
            spans = self._short_token_spans(token) if len(token) <= SHORT_TOKEN else self._token_spans(token)
            for start, end, terms in spans:
                yield Span(offset + start, offset + end, terms)

    def spans_of(self, text: str, terms: Collection[str]) -> Iterator[Span]:
        """See `Analysis.spans_of`."""
        wanted = frozenset(terms)
        ascii_text = without_typography(text)
        if self.language != "en" or not ascii_text.isascii():
            yield from (span for span in self.spans(text) if not wanted.isdisjoint(span.terms))
            return
        for start, end in candidate_words(ascii_text, wanted, _ASCII_WORD):
            of_word = self._word_span_terms(text[start:end])
            if not wanted.isdisjoint(of_word):
                yield Span(start, end, of_word)

    def keywords(self, text: str) -> list[str]:
        """See `Analysis.keywords`."""
        return [lowered(word, self._latin) for word in keywords(normalised(text))]

    def placed_keywords(self, text: str) -> Iterator[PlacedKeyword]:
        """See `Analysis.placed_keywords`."""
        normal = aligned(text)
        for start, end in keyword_spans(normal.text):
            yield PlacedKeyword(*normal.place(start, end), lowered(normal.text[start:end], self._latin))

    def is_stop_word(self, word: str) -> bool:
        """See `Analysis.is_stop_word`."""
        code = self._by_script.get(script_of(word))
        return code is not None and stop_word_test(code)(word)

    def _chunk(self, name: str) -> _Chunk:
        """The words and terms of a chunk of a normalised text."""
        chunk = self._chunks.get(name)
        if chunk is None:
            if len(self._chunks) > MEMORY:
                self._chunks = {}
            chunk = self._chunks[name] = self._analysed(name)
        return chunk

    def _is_plain(self, chunk: str) -> bool:
        """Whether a chunk has one word and no further form."""
        return self._compounds is None and is_plain(chunk)

    def _kept_plain_word(self, chunk: str) -> str:
        """The word of a plain chunk, which is kept."""
        if len(self._plain_words) > MEMORY:
            self._plain_words = {}
        return self._plain_words.setdefault(chunk, lowered(chunk, self._latin))

    def _token_spans(self, token: str) -> tuple[Span, ...]:
        """The words of a part of a text without white space."""
        normal = aligned(token)
        spans = ((*normal.place(start, end), normal.text[start:end]) for start, end in word_spans(normal.text))
        return tuple(Span(start, end, terms) for start, end, word in spans if (terms := self._span_terms(word)))

    def _span_terms(self, word: str) -> tuple[str, ...]:
        """All terms that a query for a word of a text may have."""
        chunk = self._chunk(word)
        further = filter(None, map(self.term_of, chunk.further))
        return (*chunk.terms, *further, *chunk.wholes, *chunk.stop_words)

    def _analysed(self, chunk: str) -> _Chunk:
        """Analyse a chunk that is not kept."""
        if self._is_plain(chunk):
            word = lowered(chunk, self._latin)
            if self.is_stop_word(word):
                return _Chunk(written=(word,), stop_words=(self._without_accents(word),))
            term = self._stem(word)
            return _Chunk(written=(word,), terms=(term,) if term else ())
        of_chunk = forms(chunk)
        pieces, names, joined, parts = (
            [lowered(form, self._latin) for form in group]
            for group in (of_chunk.pieces, of_chunk.names, of_chunk.joined, of_chunk.parts)
        )
        if self._compounds is not None:
            joined += [part for word in pieces for part in self._compounds.parts(word)]
        wholes = tuple(self._without_accents(whole) for whole in of_chunk.wholes)
        return _Chunk(
            written=tuple(pieces),
            names=tuple(names),
            made=(*names, *joined, *parts),
            terms=tuple(filter(None, map(self._word_term, (*pieces, *names)))),
            joined_terms=tuple(filter(None, map(self._word_term, joined))),
            wholes=wholes,
            stop_words=tuple(self._without_accents(word) for word in pieces if self.is_stop_word(word)),
            forms=frozenset((*wholes, *map(self._without_accents, of_chunk.singles))),
        )

    def _query(self, text: str) -> QueryTerms:
        """See `Analysis.query`; nothing is kept."""
        normal = normalised(text)
        analysed = [self._chunk(chunk) for chunk in chunks(normal)]
        joined = [term for chunk in analysed for term in chunk.joined_terms]
        return QueryTerms(
            body=tuple(term for chunk in analysed for term in chunk.terms),
            joined=(*joined, *(term for unit in units(normal) for term in self._chunk(unit).terms)),
            aside=tuple(whole for chunk in analysed for whole in chunk.wholes),
            stop_words=tuple(word for chunk in analysed for word in chunk.stop_words),
        )

    def _term_of(self, word: str) -> str | None:
        """See `Analysis.term_of`."""
        if self._is_plain(word):
            return self._word_term(lowered(word, self._latin))
        of_word = chunks(normalised(word))
        if len(of_word) != 1:
            return None
        analysed = self._chunk(of_word[0])
        return analysed.terms[0] if len(analysed.written) + len(analysed.names) == 1 == len(analysed.terms) else None

    def _word_term(self, word: str) -> str | None:
        """The index term of a word in lower case; None for a stop word and an overlong word."""
        return None if self.is_stop_word(word) else self._stem(word)

    def _stem(self, word: str) -> str | None:
        """The index term of a word in lower case that is no stop word; None for an overlong word."""
        form = self._without_accents(word)
        code = self._by_script.get(script_of(form))
        term = stemmer(code)(form) if code is not None else form
        return term if term and len(term.encode()) <= MAX_TERM_BYTES else None

    def _without_accents(self, word: str) -> str:
        """A word in lower case without accents, unless the option `accents` keeps them."""
        return case_folded(word, self._latin) if self._keep_accents else folded(word)
