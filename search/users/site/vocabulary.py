"""What the visitors of a site call its concepts: the words of its log that the clicked documents do not hold.

A word that several visitors typed, and that most of the documents they clicked lack, is their word for something in
those documents. It is mapped to the words that mark these documents out among all clicked ones, by pointwise mutual
information (Church & Hanks, "Word Association Norms, Mutual Information, and Lexicography", Computational Linguistics
16(1), 1990) of smoothed shares (Laplace's rule of succession). A pair of words is read from several visitors or not
at all: a word of fewer may be a secret, and what one visitor clicked is chance.

A misspelling of a word of the clicked documents is none of these words: the habits of users tell how many of those
there are. Words are read one by one, so `wlan box` for a router gives two lay words. Which words visitors type in
vain, and leave, no click tells.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple, Self

from symspellpy.editdistance import DistanceAlgorithm, EditDistance

from untilclick.search.analysis.analysis import Analysis
from untilclick.search.records import Session
from untilclick.search.text.term_index import TermIndex
from untilclick.search.users.vocabulary.lay_words import LayWord, NoVocabulary, Vocabulary

LEAST_VISITORS = 3
"""Visitors, by their client ids, that must have typed a word, in this very form, and clicked a document with the word
that it stands for. Sessions without a client id count as no visitor's."""
MOST_CONCEPTS = 3
"""Largest number of words of the documents that one word of the visitors stands for."""
LEAST_INFORMATION = math.log(2.0)
"""Smallest pointwise mutual information in nats: the clicked documents of the word's sessions must hold what it
stands for at least twice as often as all clicked documents do."""
MUCH_WEAKER = math.log(2.0)
"""A term whose information is this much below the largest is not meant."""
LEAST_HELD = 0.5
"""Share of a word's sessions, smoothed, whose clicked documents must hold the word that it stands for."""

VocabularyRecord = dict[str, list[tuple[str, float]]]
"""Word of the documents -> pairs of lay word and share, most used first."""


class NamedConcept(NamedTuple):
    """A word of the documents, and what visitors call it."""

    word: str
    lay_words: tuple[LayWord, ...]
    """Most used first."""


@dataclass(frozen=True)
class SiteVocabulary:
    """The vocabulary of a site's visitors. What their log does not tell is asked of another vocabulary."""

    concepts: tuple[NamedConcept, ...]
    """In the alphabetical order of their words."""
    analysis: Analysis = field(repr=False, compare=False)
    """Makes the forms of a word one concept."""
    otherwise: Vocabulary = field(default_factory=NoVocabulary, repr=False, compare=False)
    """Tells the lay words of concepts that the log does not name."""

    def of(self, word: str) -> tuple[LayWord, ...]:
        """See `Vocabulary`."""
        term = self.analysis.term_of(word)
        return self._lay_words.get(term) or self.otherwise.of(word)

    @cached_property
    def _lay_words(self) -> Mapping[str | None, tuple[LayWord, ...]]:
        return {self.analysis.term_of(each.word): each.lay_words for each in self.concepts}

    @property
    def n_lay_words(self) -> int:
        """Number of distinct words of the visitors."""
        return len({lay_word.text for concept in self.concepts for lay_word in concept.lay_words})

    @classmethod
    def of_log(cls, sessions: Iterable[Session], index: TermIndex, otherwise: Vocabulary | None = None) -> Self:
        """Read the vocabulary from sessions with a click. Clicks on documents that the corpus lacks tell nothing;
        without other clicks the vocabulary is empty."""
        concepts = _concepts(_observed(sessions, index), index)
        return cls(concepts, index.analysis, otherwise or NoVocabulary())

    @classmethod
    def of_record(cls, record: VocabularyRecord, analysis: Analysis, otherwise: Vocabulary | None = None) -> Self:
        """The vocabulary of a `record`."""
        concepts = [NamedConcept(word, tuple(LayWord(*pair) for pair in pairs)) for word, pairs in record.items()]
        return cls(tuple(sorted(concepts)), analysis, otherwise or NoVocabulary())

    @property
    def digest(self) -> str:
        """Eight hexadecimal digits of a hash; empty for a vocabulary without words."""
        text = json.dumps(self.record, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:8] if self.concepts else ""

    @property
    def record(self) -> VocabularyRecord:
        """The vocabulary as it is kept in a file."""
        return {each.word: [(lay.text, lay.share) for lay in each.lay_words] for each in self.concepts}


class _Observed(NamedTuple):
    """A session with a click on documents of the corpus."""

    visitor: str | None
    """Client id; None for a session that counts as no visitor's."""
    typed: Mapping[str, frozenset[str]]
    """Index term -> its words as typed, of all queries of the session."""
    clicked: frozenset[int]
    """Rows of the clicked documents."""


def _observed(sessions: Iterable[Session], index: TermIndex) -> Iterator[_Observed]:
    analysis = index.analysis
    for session in sessions:
        rows = frozenset(index.doc_rows[doc_id] for doc_id in session.clicked if doc_id in index.doc_rows)
        if not rows:
            continue
        words = (word for turn in session.turns for word in analysis.words(turn.query))
        typed: defaultdict[str, set[str]] = defaultdict(set)
        for word in words:
            if (term := analysis.term_of(word)) is not None:
                typed[term].add(word)
        yield _Observed(session.client_id, {term: frozenset(forms) for term, forms in typed.items()}, rows)


class _Counts:
    """What sessions with a click hold: typed words, and terms of the documents that they clicked."""

    def __init__(self, observed: Iterable[_Observed], index: TermIndex) -> None:
        self._index = index
        self.n = 0
        """Number of sessions."""
        self.holding: Counter[int] = Counter()
        """Term id -> sessions whose clicked documents hold it."""
        self.typing: Counter[int] = Counter()
        """Term id -> sessions that typed it and clicked a document with it."""
        self.lacking: defaultdict[str, list[_Observed]] = defaultdict(list)
        """Typed term -> the sessions whose clicked documents lack it."""
        for each in observed:
            self._add(each)

    def _add(self, each: _Observed) -> None:
        held = self.terms_of(each)
        self.n += 1
        self.holding.update(held)
        for term in each.typed:
            term_id = self._index.term_ids.get(term, -1)
            if term_id in held:
                self.typing[term_id] += 1
            else:
                self.lacking[term].append(each)

    def terms_of(self, each: _Observed) -> set[int]:
        """Ids of the terms of the documents that a session clicked."""
        counts = self._index.counts
        rows = sorted(each.clicked)
        return {int(i) for row in rows for i in counts.indices[counts.indptr[row] : counts.indptr[row + 1]]}


def _concepts(observed: Iterable[_Observed], index: TermIndex) -> tuple[NamedConcept, ...]:
    counts = _Counts(observed, index)
    naming: defaultdict[int, dict[str, int]] = defaultdict(dict)
    """Term id of a concept -> word of the visitors -> sessions with it."""
    for term, sessions in sorted(counts.lacking.items()):
        own = counts.typing[index.term_ids[term]] if term in index.term_ids else 0
        if len(sessions) <= own:
            continue  # a word that finds its own documents more often than others is the documents' word
        text = _common_form(term, sessions)
        if text is None:
            continue
        for term_id, n_sessions in _meant(text, sessions, counts, index):
            naming[term_id][text] = n_sessions
    named = (_named(index.word(i), naming[i], counts.typing[i]) for i in naming)
    return tuple(sorted(named))


def _common_form(term: str, sessions: Sequence[_Observed]) -> str | None:
    """The form of a term that most visitors typed; None if each form has too few: it may be a secret of one."""
    visitors: defaultdict[str, set[str]] = defaultdict(set)
    for each in sessions:
        if each.visitor is not None:
            for word in each.typed[term]:
                visitors[word].add(each.visitor)
    common = [word for word, clients in visitors.items() if len(clients) >= LEAST_VISITORS]
    return min(common, key=lambda word: (-len(visitors[word]), word), default=None)


class _Meant(NamedTuple):
    """A term that a word of the visitors may stand for."""

    information: float
    n_typing: int
    """Sessions that typed the term and clicked a document with it."""
    term_id: int
    n_sessions: int
    """Sessions with the visitors' word whose clicked documents hold the term."""


def _meant(text: str, sessions: Sequence[_Observed], counts: _Counts, index: TermIndex) -> list[tuple[int, int]]:
    """The terms that mark out the clicked documents of the sessions with a word, with the number of these sessions.
    Of terms that do so about as well, those that visitors type come first. None for a misspelling."""
    together: Counter[int] = Counter()
    visitors: defaultdict[int, set[str]] = defaultdict(set)
    for each in sessions:
        for term_id in counts.terms_of(each):
            together[term_id] += 1
            if each.visitor is not None:
                visitors[term_id].add(each.visitor)
    slips = sum(n for term_id, n in together.items() if _is_slip(text, index.word(term_id)))
    if slips >= LEAST_HELD * len(sessions):
        return []
    scored = []
    for term_id, n_sessions in together.items():
        held = _share(n_sessions, len(sessions))
        information = math.log(held / _share(counts.holding[term_id], counts.n))
        several = len(visitors[term_id]) >= LEAST_VISITORS
        if several and held >= LEAST_HELD and information >= LEAST_INFORMATION and index.word(term_id):
            scored.append(_Meant(information, counts.typing[term_id], term_id, n_sessions))
    best = max((each.information for each in scored), default=0.0)
    strong = [each for each in scored if each.information >= best - MUCH_WEAKER]
    strong.sort(key=lambda each: (-each.n_typing, -each.information, each.term_id))
    return [(each.term_id, each.n_sessions) for each in strong[:MOST_CONCEPTS]]


def _is_slip(typed: str, word: str) -> bool:
    """Whether a word is another one misspelt: within one edit per four letters, at least one edit and at most two, as
    in `untilclick.search.users.reformulation.kind_of`."""
    edits = max(1, min(2, len(typed) // 4))
    if abs(len(typed) - len(word)) > edits:
        return False
    return bool(EditDistance(DistanceAlgorithm.DAMERAU_OSA).compare(typed, word, edits) >= 0)


def _share(n: int, of: int) -> float:
    """A share by Laplace's rule of succession."""
    return (n + 1.0) / (of + 2.0)


def _named(word: str, lay_words: Mapping[str, int], n_own: int) -> NamedConcept:
    """A concept with its lay words, given the sessions with each, and those that typed its own word."""
    total = n_own + 1 + sum(lay_words.values())
    ordered = sorted(lay_words.items(), key=lambda item: (-item[1], item[0]))
    return NamedConcept(word, tuple(LayWord(text, n / total) for text, n in ordered))
