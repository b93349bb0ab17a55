"""How people change a query that did not help: seven kinds, one small function each.

The taxonomy follows Huang & Efthimiadis, "Analyzing and Evaluating Query Reformulation Strategies in Web Search
Logs", CIKM 2009 (add, remove and substitute words, correct spelling), with substitution that narrows or widens kept
apart and a fresh start added. Changes that an analysed index cannot see (word order, punctuation, stemming) are left
out.

Default shares are measured with `kind_of` on the real sessions of two public collections together, repetitions left
out: TREC Session Track 2013 (Carterette et al.; 168 changes) and Sim4IA CORE sessions (SIGIR 2025 workshop; 147).
Respelling is the exception, see `ReformulationShares`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from symspellpy.editdistance import DistanceAlgorithm, EditDistance

from untilclick.search.users.draws import pick, pick_weighted
from untilclick.search.users.need import Need, content_words


class Kind(StrEnum):
    """What a change of query is called; the value is what logs carry."""

    ADD = "add"
    DROP = "drop"
    SUBSTITUTE = "substitute"
    """Some words exchanged for as many others."""
    SPECIALISE = "specialise"
    """Some words exchanged for more."""
    GENERALISE = "generalise"
    """Some words exchanged for fewer."""
    NEW = "new"
    """No word kept."""
    RESPELL = "respell"


class TypedWord(NamedTuple):
    """A word as typed and as meant; they differ where the user misspelt it."""

    typed: str
    meant: str


Words = tuple[TypedWord, ...]


@dataclass(frozen=True)
class ReformulationShares:
    """How often each kind happens; need not sum to 1, kinds that do not apply are passed over."""

    add: float = 0.22
    drop: float = 0.12
    substitute: float = 0.21
    specialise: float = 0.19
    generalise: float = 0.17
    new: float = 0.07
    respell_misspelt: float = 0.5
    """Probability that a query with a misspelt word is respelt before anything else is tried. An assumption: the
    share measured in the real sessions (.03 of all changes) is of people who seldom misspell."""


def add(words: Words, need: Need, rng: np.random.Generator) -> Words | None:
    """Put one more word of the need at the end; None when all are there."""
    options = _unused(words, need)
    return (*words, _as_meant(pick(options, rng))) if options else None


def drop(words: Words, need: Need, rng: np.random.Generator) -> Words | None:  # noqa: ARG001
    """Leave out one word; None when it is the only one."""
    if len(words) < 2:
        return None
    i = int(rng.random() * len(words))
    return words[:i] + words[i + 1 :]


def substitute(words: Words, need: Need, rng: np.random.Generator) -> Words | None:
    """Exchange one word, keeping at least one other; None for a single word or when no word is left to bring in."""
    options = _unused(words, need)
    if not options or len(words) < 2:
        return None
    i = int(rng.random() * len(words))
    return (*words[:i], _as_meant(pick(options, rng)), *words[i + 1 :])


def specialise(words: Words, need: Need, rng: np.random.Generator) -> Words | None:
    """Exchange the commonest word for the two rarest of three others; None for a single word or too few others."""
    options = _unused(words, need)
    if len(options) < 2 or len(words) < 2:
        return None
    drawn = rng.permutation(len(options))[:3]
    rarest = sorted((options[i] for i in drawn), key=lambda word: -need.rarity.get(word, 0.0))[:2]
    commonest = min(range(len(words)), key=lambda i: need.rarity.get(words[i].meant, 0.0))
    return (*words[:commonest], *map(_as_meant, rarest), *words[commonest + 1 :])


def generalise(words: Words, need: Need, rng: np.random.Generator) -> Words | None:
    """Exchange the two rarest words for the commonest of three others; None below three words or without others."""
    options = _unused(words, need)
    if not options or len(words) < 3:
        return None
    drawn = rng.permutation(len(options))[:3]
    commonest = min((options[i] for i in drawn), key=lambda word: need.rarity.get(word, 0.0))
    by_rarity = sorted(range(len(words)), key=lambda i: -need.rarity.get(words[i].meant, 0.0))
    kept = tuple(word for i, word in enumerate(words) if i not in by_rarity[:2])
    return (*kept, _as_meant(commonest))


def start_anew(words: Words, need: Need, rng: np.random.Generator) -> Words | None:
    """As many other words as there were, at most three; None when the need has no other word."""
    options = _unused(words, need)
    if not options:
        return None
    drawn = rng.permutation(len(options))[: min(len(words), 3)]
    return tuple(_as_meant(options[i]) for i in drawn)


def respell(words: Words, need: Need, rng: np.random.Generator) -> Words | None:  # noqa: ARG001
    """Every word as meant; None when nothing is misspelt."""
    corrected = tuple(_as_meant(word.meant) for word in words)
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
) -> tuple[Kind, Words] | None:
    """The next query after one that did not help and its kind; None when no kind applies.

    Misspelt words are corrected first with `respell_misspelt`; other kinds are drawn by their shares until one
    applies. What the user does not correct stays misspelt.
    """
    if rng.random() < shares.respell_misspelt and (corrected := respell(words, need, rng)):
        return Kind.RESPELL, corrected
    kinds = list(_CHANGES)
    weights = [shares.add, shares.drop, shares.substitute, shares.specialise, shares.generalise, shares.new]
    while any(weights):
        i = pick_weighted(range(len(kinds)), weights, rng)
        if changed := _CHANGES[kinds[i]](words, need, rng):
            return kinds[i], changed
        weights[i] = 0.0
    corrected = respell(words, need, rng)
    return (Kind.RESPELL, corrected) if corrected else None


def kind_of(before: str, after: str) -> Kind | None:
    """The kind of a real change of query, by content words; None when those are the same.

    RESPELL: each lost word has a gained one within one edit per four letters, at most two, at least one (Damerau-
    Levenshtein), and their numbers agree.
    """
    old, new = set(content_words(before)), set(content_words(after))
    lost, gained = old - new, new - old
    if not lost or not gained:
        return Kind.ADD if gained else Kind.DROP if lost else None
    if len(lost) == len(gained) and all(_respelt(word, gained) for word in lost):
        return Kind.RESPELL
    if not old & new:
        return Kind.NEW
    return {0: Kind.SUBSTITUTE, 1: Kind.SPECIALISE, -1: Kind.GENERALISE}[int(np.sign(len(gained) - len(lost)))]


def _respelt(word: str, candidates: set[str]) -> bool:
    edits = max(1, min(2, len(word) // 4))
    compare = EditDistance(DistanceAlgorithm.DAMERAU_OSA).compare
    return any(compare(word, other, edits) >= 0 for other in candidates)


def _unused(words: Words, need: Need) -> list[str]:
    meant = {word.meant for word in words}
    return [word for word in need.words + need.vocabulary if word not in meant]


def _as_meant(word: str) -> TypedWord:
    return TypedWord(word, word)
