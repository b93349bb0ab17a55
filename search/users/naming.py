"""What a user calls a concept: by the document's own word, or by a lay word that other users type as well.

The vocabulary says which lay words a concept has, and how many people use each. A user has one word for a concept
through a session. No user calls a concept by a word of the document that it looks for: that would be the document's
word. A keyed hash splits the pairs of concept and lay word in two halves, so that a rewriter can be
tested on lay words that no user of its training knew.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from hashlib import blake2b
from itertools import accumulate
from typing import Literal, NamedTuple

from untilclick.search.records import Topic
from untilclick.search.users.need import NeedReader
from untilclick.search.users.reformulation import TypedWord, Words
from untilclick.search.users.vocabulary.lay_words import LARGEST_SHARE, LayWord, Vocabulary

LayPart = Literal["all", "train", "test"]

_KEY = b"lay words"
"""Key of the hash that assigns a lay word to a half."""
_VOICE_KEY = b"voices"
"""Key of the hash that gives a user's word for a concept."""


class _Names(NamedTuple):
    """The lay words of a concept that a user with one topic may type."""

    concept: str
    """The index terms of the document's word: forms of a word are one concept."""
    texts: tuple[str, ...]
    sums: tuple[float, ...]
    """Cumulated probabilities of the lay words; the rest is that of the document's word."""


class Naming:
    """The words of the users of a collection for the concepts of its documents."""

    def __init__(self, vocabulary: Vocabulary, needs: NeedReader, lay_share: float, part: LayPart) -> None:
        """`lay_share` is the probability of the most used lay word of a concept at most; with `LARGEST_SHARE` all
        lay words have the shares of the vocabulary."""
        self._vocabulary, self._needs, self._part = vocabulary, needs, part
        self._scale = lay_share / LARGEST_SHARE
        self._concept = lru_cache(maxsize=1 << 16)(lambda word: concept_of(word, needs))
        self._names: dict[tuple[Topic, str], _Names | None] = {}

    def word(self, topic: Topic, word: str, voice: float) -> TypedWord:
        """The word of a user for a word of a wanted document. `voice` is the number in [0, 1) that makes the user:
        one user has one word for all forms of a concept."""
        names = self._of(topic, word)
        if names is None:
            return TypedWord(word, word)
        place = bisect_right(names.sums, _point(voice, names.concept))
        if place == len(names.sums):
            return TypedWord(word, word)
        return TypedWord(names.texts[place], names.texts[place], word)

    def attributes(self, words: Words) -> dict[str, str]:
        """The lay words of a query, comma-separated: `lay_known` are those of the half `train`, `lay_new` the others.
        A name without a word is absent."""
        by_name: dict[str, list[str]] = {}
        for word in words:
            if word.concept:
                is_known = part_of(self._concept(word.concept), word.meant) == "train"
                by_name.setdefault("lay_known" if is_known else "lay_new", []).append(word.meant)
        return {name: ", ".join(lay_words) for name, lay_words in by_name.items()}

    def _of(self, topic: Topic, word: str) -> _Names | None:
        """The names of a concept; None if the user has none but the document's."""
        key = (topic, word)
        if key not in self._names:
            self._names[key] = self._look_up(topic, word)
        return self._names[key]

    def _look_up(self, topic: Topic, word: str) -> _Names | None:
        lay_words = self._vocabulary.of(word)
        if not lay_words:
            return None
        concept = self._concept(word)
        usable = [each for each in lay_words if self._is_known(concept, each) and not self._holds(topic, each.text)]
        sums = tuple(self._scale * total for total in accumulate(each.share for each in usable))
        most = max([1.0, *sums])  # users of a large `lay_share` type lay words alone
        texts = tuple(each.text for each in usable)
        return _Names(concept, texts, tuple(total / most for total in sums)) if usable else None

    def _is_known(self, concept: str, lay_word: LayWord) -> bool:
        return self._scale > 0 and self._part in {"all", part_of(concept, lay_word.text)}

    def _holds(self, topic: Topic, text: str) -> bool:
        return not self._needs.wanted_terms(topic).isdisjoint(self._needs.analysis.terms(text))


def concept_of(word: str, needs: NeedReader) -> str:
    """What a concept is called in hashes: its index terms, which forms of a word share."""
    return " ".join(needs.analysis.terms(word)) or word


def part_of(concept: str, lay_word: str) -> LayPart:
    """The half, `train` or `test`, that a lay word of a concept belongs to; the same on every machine."""
    digest = blake2b(f"{concept}\0{lay_word}".encode(), digest_size=1, key=_KEY).digest()
    return "train" if digest[0] & 1 else "test"


def _point(voice: float, concept: str) -> float:
    """A number in [0, 1) that belongs to a user and a concept."""
    digest = blake2b(f"{voice!r}\0{concept}".encode(), digest_size=8, key=_VOICE_KEY).digest()
    return int.from_bytes(digest, "big") / 2**64
