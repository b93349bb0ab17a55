"""Reformulations: how a user changes a query that did not help, in seven kinds.

The kinds follow Huang & Efthimiadis, "Analyzing and Evaluating Query Reformulation Strategies in Web Search Logs",
CIKM 2009 (add, remove and substitute words, correct spelling). Substitutions that make a query more specific or more
general are kinds of their own here, and a new start is added. Changes that an index of stems cannot see (word order,
punctuation, endings) are left out.

The default shares were measured by `kind_of` on the real sessions of two public collections together, without
repeated queries: TREC Session Track 2013 (Carterette et al.; 168 changes) and Sim4IA CORE sessions (SIGIR 2025
workshop; 147 changes). The share of respelling is an assumption, see `ReformulationShares`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from symspellpy.editdistance import DistanceAlgorithm, EditDistance

from untilclick.search.analysis.analysis import Analysis
from untilclick.search.analysis.by_name import english
from untilclick.search.users.draws import pick, pick_weighted
from untilclick.search.users.need import Need, content_words


class Kind(StrEnum):
    """The kinds of reformulation. The values are written to session logs."""

    ADD = "add"
    DROP = "drop"
    SUBSTITUTE = "substitute"
    """Some words replaced by as many others."""
    SPECIALISE = "specialise"
    """Some words replaced by more words."""
    GENERALISE = "generalise"
    """Some words replaced by fewer words."""
    NEW = "new"
    """No word kept."""
    RESPELL = "respell"


class TypedWord(NamedTuple):
    """A word as typed and as meant; the two differ if the user misspelt it."""

    typed: str
    meant: str
    concept: str = ""
    """The document's word, if the user calls the concept by a lay word; else empty."""


Words = tuple[TypedWord, ...]


class Reformulation(NamedTuple):
    """A changed query."""

    kind: Kind
    words: Words


@dataclass(frozen=True)
class ReformulationShares:
    """How often each kind of reformulation happens. The shares need not sum to 1; kinds that do not apply to a query
    are passed over."""

    add: float = 0.22
    drop: float = 0.12
    substitute: float = 0.21
    specialise: float = 0.19
    generalise: float = 0.17
    new: float = 0.07
    respell_misspelt: float = 0.5
    """Probability that a user whose query has a misspelt word corrects it before trying any other change. This is an
    assumption: the real sessions (.03 of all changes) are of people who seldom misspell."""


def add(words: Words, need: Need, rng: np.random.Generator) -> Words | None:
    """Append another word of the need; None if the query has all of them."""
    options = _unused(words, need)
    return (*words, _as_meant(pick(options, rng))) if options else None


def drop(words: Words, need: Need, rng: np.random.Generator) -> Words | None:  # noqa: ARG001
    """Leave out one word; None if the query has only one."""
    if len(words) < 2:
        return None
    i = int(rng.random() * len(words))
    return words[:i] + words[i + 1 :]


def substitute(words: Words, need: Need, rng: np.random.Generator) -> Words | None:
    """Replace one word: a lay word by the document's word for the same concept, any other by another word of the
    need. None for a query of one word, and if the query has all words of the need."""
    options = _unused(words, need)
    if len(words) < 2 or not (options or any(word.concept for word in words)):
        return None
    i = int(rng.random() * len(words))
    if concept := words[i].concept:
        return (*words[:i], _as_meant(concept), *words[i + 1 :])
    return (*words[:i], _as_meant(pick(options, rng)), *words[i + 1 :]) if options else None


def specialise(words: Words, need: Need, rng: np.random.Generator) -> Words | None:
    """Replace the most common word by the two rarest of three other words of the need. None for a query of one word,
    and if fewer than two other words are left."""
    options = _unused(words, need)
    if len(options) < 2 or len(words) < 2:
        return None
    drawn = rng.permutation(len(options))[:3]
    rarest = sorted((options[i] for i in drawn), key=lambda word: -need.rarity.get(word, 0.0))[:2]
    most_common = min(range(len(words)), key=lambda i: _rarity(words[i], need))
    return (*words[:most_common], *map(_as_meant, rarest), *words[most_common + 1 :])


def generalise(words: Words, need: Need, rng: np.random.Generator) -> Words | None:
    """Replace the two rarest words by the most common of three other words of the need. None for a query of fewer
    than three words, and if no other word is left."""
    options = _unused(words, need)
    if not options or len(words) < 3:
        return None
    drawn = rng.permutation(len(options))[:3]
    most_common = min((options[i] for i in drawn), key=lambda word: need.rarity.get(word, 0.0))
    by_rarity = sorted(range(len(words)), key=lambda i: -_rarity(words[i], need))
    remaining = tuple(word for i, word in enumerate(words) if i not in by_rarity[:2])
    return (*remaining, _as_meant(most_common))


def start_anew(words: Words, need: Need, rng: np.random.Generator) -> Words | None:
    """Replace all words by as many other words of the need, at most three; None if no other word is left."""
    options = _unused(words, need)
    if not options:
        return None
    drawn = rng.permutation(len(options))[: min(len(words), 3)]
    return tuple(_as_meant(options[i]) for i in drawn)


def respell(words: Words, need: Need, rng: np.random.Generator) -> Words | None:  # noqa: ARG001
    """Correct all misspelt words; None if no word is misspelt."""
    corrected = tuple(word._replace(typed=word.meant) for word in words)
    return corrected if corrected != words else None


_CHANGES: dict[Kind, Callable[[Words, Need, np.random.Generator], Words | None]] = {
    Kind.ADD: add,
    Kind.DROP: drop,
    Kind.SUBSTITUTE: substitute,
    Kind.SPECIALISE: specialise,
    Kind.GENERALISE: generalise,
    Kind.NEW: start_anew,
}


def reformulate(
    words: Words, need: Need, shares: ReformulationShares, rng: np.random.Generator
) -> Reformulation | None:
    """The query that a user types after one that did not help; None if no kind of change applies.

    With probability `respell_misspelt` misspelt words are corrected. Otherwise kinds are drawn by their shares until
    one applies, and misspelt words of the query stay misspelt.
    """
    if rng.random() < shares.respell_misspelt and (corrected := respell(words, need, rng)):
        return Reformulation(Kind.RESPELL, corrected)
    kinds = list(_CHANGES)
    weights = [shares.add, shares.drop, shares.substitute, shares.specialise, shares.generalise, shares.new]
    while any(weights):
        i = pick_weighted(range(len(kinds)), weights, rng)
        if changed := _CHANGES[kinds[i]](words, need, rng):
            return Reformulation(kinds[i], changed)
        weights[i] = 0.0
    corrected = respell(words, need, rng)
    return Reformulation(Kind.RESPELL, corrected) if corrected else None


def kind_of(before: str, after: str, analysis: Analysis | None = None) -> Kind | None:
    """The kind of change from one query of a real session to the next, by their content words; None if these are the
    same. `analysis` is English's by default.

    The kind is RESPELL if as many words are lost as gained, and each lost word has a gained word within one edit per
    four letters (Damerau-Levenshtein distance; at least one edit, at most two).
    """
    analysis = analysis or english()
    old, new = set(content_words(before, analysis)), set(content_words(after, analysis))
    lost, gained = old - new, new - old
    if not lost or not gained:
        return Kind.ADD if gained else Kind.DROP if lost else None
    if len(lost) == len(gained) and all(_respelt(word, gained) for word in lost):
        return Kind.RESPELL
    if not old & new:
        return Kind.NEW
    return {0: Kind.SUBSTITUTE, 1: Kind.SPECIALISE, -1: Kind.GENERALISE}[int(np.sign(len(gained) - len(lost)))]


def _respelt(word: str, candidates: set[str]) -> bool:
    """Whether one of the candidates is close to the word, as `kind_of` says."""
    edits = max(1, min(2, len(word) // 4))
    compare = EditDistance(DistanceAlgorithm.DAMERAU_OSA).compare
    return any(compare(word, other, edits) >= 0 for other in candidates)


def _unused(words: Words, need: Need) -> list[str]:
    """The words of the need whose concepts the query lacks."""
    meant = {word.meant for word in words} | {word.concept for word in words}
    return [word for word in need.words + need.vocabulary if word not in meant]


def _rarity(word: TypedWord, need: Need) -> float:
    """The inverse document frequency of the document's word for a concept."""
    return need.rarity.get(word.concept or word.meant, 0.0)


def _as_meant(word: str) -> TypedWord:
    return TypedWord(word, word)
