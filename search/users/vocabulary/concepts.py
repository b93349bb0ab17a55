"""Concepts: the base form and the part of speech that a word has in the texts of a corpus.

A tagger would need a model; here the words around an occurrence tell the part of speech, with SemCor's counts as a
prior. A word that is mostly a name or a part of code is no concept, and neither is one whose part of speech is not
clear: `file` is a noun in a documentation, and `exec` is nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from untilclick.search.records import Document
from untilclick.search.text.wordnet.sense_table import PartOfSpeech, SenseTable

PRIOR = 5.0
"""Occurrences that the prior of a word's part of speech counts as. An assumption."""
LEAST_PART = 0.6
"""Share of the evidence that the part of speech of a concept has."""
LEAST_PROSE = 0.5
"""Share of the occurrences of a concept that stand as words in sentences; the others are names in code."""
MOST_CAPITALS = 0.5
"""Share of the occurrences inside sentences from which on a capitalised word is a name."""
SHORTEST = 3
"""Letters of the shortest concept."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_DETERMINERS = _words(
    "the a an this that these those any each every some no another its their his her your our given"
)
_PREPOSITIONS = _words("of in by for with from on at into between under without per via")
_BEFORE_VERBS = _words(
    "to will can must should may would could might cannot shall does do did not doesn't don't didn't"
)
_PRONOUNS = _words("it they we you i he she which who that")
_BE = _words("is are be was were been being")
_DEGREE = _words("very more most less least too as so quite")
_CONJUNCTIONS = _words("and or but if when has have than")
_FUNCTION = _DETERMINERS | _PREPOSITIONS | _BEFORE_VERBS | _PRONOUNS | _BE | _CONJUNCTIONS
_CLOSED_CLASS = _words("another except like near own past same such than till unlike until while worth")
"""Words that WordNet has as nouns, verbs or adjectives too, and that are seldom meant so."""
_OPENING, _CLOSING = "([", ".,;:!?)]"
_LETTERS = re.compile(r"[A-Za-z]+")
_SENTENCE_ENDS = frozenset(".!?:")
_NOTHING = ""
"""In place of the neighbour of a word at the edge of a clause."""
_OTHER = "#"
"""In place of a neighbour that is no word, such as a number or a name in code."""


class Concept(NamedTuple):
    """What a word of the documents stands for, as far as its form tells."""

    lemma: str
    part: PartOfSpeech


@dataclass
class WordUse:
    """How the documents use a word form."""

    occurrences: int = 0
    """Of its letters, in sentences or elsewhere."""
    prose: int = 0
    """Occurrences as a word in a sentence."""
    inside: int = 0
    """Those that do not begin a sentence."""
    capitalised: int = 0
    """Those of `inside` with a capital letter."""
    documents: int = 0
    """Documents that have it in a sentence."""
    parts: dict[PartOfSpeech, float] = field(default_factory=lambda: {"n": 0.0, "v": 0.0, "a": 0.0})
    """Occurrences whose neighbours tell the part of speech."""


class _Token(NamedTuple):
    """A word in a sentence, with its neighbours in lower case."""

    word: str
    before: str
    after: str
    begins: bool
    """Whether it begins a sentence."""


def read_uses(documents: Iterable[Document]) -> dict[str, WordUse]:
    """How documents use their words of letters, by word in lower case."""
    uses: dict[str, WordUse] = {}
    for document in documents:
        for word, count in Counter(_LETTERS.findall(document.content.lower())).items():
            uses.setdefault(word, WordUse()).occurrences += count
        seen = set()
        for token in _tokens(document.content):
            word = token.word.lower()
            _note(uses[word], word, token)
            seen.add(word)
        for word in seen:
            uses[word].documents += 1
    return uses


def _note(use: WordUse, word: str, token: _Token) -> None:
    use.prose += 1
    if not token.begins:
        use.inside += 1
        use.capitalised += token.word[0].isupper()
    if (part := _part_told(word, token)) is not None:
        use.parts[part] += 1.0


def _tokens(text: str) -> Iterator[_Token]:
    """The words of letters that stand between spaces and punctuation."""
    words: list[tuple[str, bool, bool]] = []  # word, whether a clause ends before it, whether a sentence begins
    ends, begins = True, True
    for chunk in text.split():
        body = chunk.lstrip(_OPENING)
        word = body.rstrip(_CLOSING)
        words.append(
            (word if word.replace("'", "").isalpha() and word.isascii() else _OTHER, ends or body != chunk, begins)
        )
        tail = body[len(word) :]
        ends, begins = bool(tail), bool(tail) and tail[-1] in _SENTENCE_ENDS
    for i, (word, ended, began) in enumerate(words):
        if word is not _OTHER and word.isalpha():
            before = _NOTHING if ended else words[i - 1][0].lower()
            after = _NOTHING if i + 1 == len(words) or words[i + 1][1] else words[i + 1][0].lower()
            yield _Token(word, before, after, began)


def _part_told(word: str, token: _Token) -> PartOfSpeech | None:
    """The part of speech that the neighbours of a word tell; None if they do not. A content word after a determiner
    and before another content word counts as an adjective, and is a noun if WordNet has no such adjective."""
    before, after = token.before, token.after
    closes = after == _NOTHING or after in _FUNCTION
    if before in _BEFORE_VERBS or (before in _PRONOUNS and before not in _DETERMINERS):
        return "v"
    if before in _DETERMINERS:
        return "n" if closes else "a"
    if after in _DETERMINERS and (token.begins or before not in _PREPOSITIONS or word.endswith("ing")):
        return "v"
    if before in _PREPOSITIONS and closes:
        return "v" if word.endswith("ing") else "n"
    if before in _DEGREE:
        return "a"
    if before in _BE:
        return "v" if word.endswith(("ed", "ing")) else "a" if closes else None
    return None


def concepts_of(uses: Mapping[str, WordUse], table: SenseTable, least_documents: int) -> dict[str, Concept]:
    """The concept of each word that has one and stands in sentences of at least so many documents."""
    read = {word: use for word, use in uses.items() if len(word) >= SHORTEST and use.documents >= least_documents}
    pairs = ((word, _concept(word, use, table)) for word, use in read.items() if _is_plain_word(use))
    return {word: concept for word, concept in pairs if concept is not None}


def _is_plain_word(use: WordUse) -> bool:
    is_name = use.inside > 0 and use.capitalised > MOST_CAPITALS * use.inside
    return use.prose >= LEAST_PROSE * use.occurrences and not is_name


def _concept(word: str, use: WordUse, table: SenseTable) -> Concept | None:
    """The concept of a word; None if its part of speech is not clear, or if it is a participle, whose senses as a
    noun or adjective WordNet seldom has."""
    bases = {part: table.base_form(word, part) for part in use.parts}
    known = {part: table.uses(base, part) for part, base in bases.items() if base is not None}
    told = {part: use.parts[part] for part in known}
    if "n" in known and "a" not in known:
        told["n"] += use.parts["a"]
    weights = {part: told[part] + PRIOR * known[part] / sum(known.values()) for part in known}
    part = max(weights, key=lambda each: weights[each], default=None)
    if part is None or weights[part] < LEAST_PART * sum(weights.values()):
        return None
    base = bases[part]
    is_participle = part != "v" and bases["v"] not in (None, word)
    if base is None or base in _CLOSED_CLASS or (is_participle and not word.endswith("s")):
        return None
    return Concept(base, part)
