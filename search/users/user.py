"""A simulated user: what it types first, how it goes on when nothing satisfies, and when it gives up.

What it clicks is the click model's part, what it is shown the engine's; `simulate.py` puts the three together.
Published behaviour where there is some; each parameter says where its default comes from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, NamedTuple, Self

import numpy as np

from untilclick.search.click_models.base import ClickModel
from untilclick.search.click_models.behaviour import Behaviour
from untilclick.search.click_models.by_name import click_model
from untilclick.search.errors import UntilclickError
from untilclick.search.records import Collection, Topic
from untilclick.search.text.analysis import STOP_WORDS, words
from untilclick.search.text.synonyms import Synonyms, open_synonyms
from untilclick.search.text.term_index import TermIndex
from untilclick.search.users.draws import pick
from untilclick.search.users.misspellings import Misspellings, Part, load_misspellings
from untilclick.search.users.need import NeedReader
from untilclick.search.users.reformulation import ReformulationShares, TypedWord, Words, reformulate

_STOP_WORDS = frozenset(STOP_WORDS)


@dataclass(frozen=True)
class UserConfig:
    """Habits of simulated users. Shares and probabilities are in [0, 1]."""

    misspell_share: float = 0.35
    """Share of the content words of a made query that are misspelt. Chosen so that the first query fails about as
    often as queries do on site search boxes: an assumption, and far above the 10-15 % of misspelt web queries that
    Cucerzan & Brill (EMNLP 2004) report."""
    real_misspell_share: float = 0.7
    """Share of the misspelt words that take a listed misspelling, where the list knows the word."""
    synonym_share: float = 0.15
    """Share of the content words replaced by a synonym. An assumption."""
    drop_share: float = 0.1
    """Share of the words left out; one content word always stays. An assumption."""
    max_queries: int = 5
    """Queries after which every user gives up."""
    give_up_prob: float = 0.2
    """Probability of giving up after each query that did not satisfy. An assumption."""
    results_examined: int = 10
    """Results shown and at most examined per query."""
    click_model: str = "dbn"
    """One of `untilclick.search.click_models.by_name.CLICK_MODELS`."""
    behaviour: Behaviour = "navigational"
    """How users click on each grade."""
    misspellings: Part = "all"
    """Half of the list of real misspellings that users draw from: `train`, `test`, or `all`."""
    shares: ReformulationShares = field(default_factory=ReformulationShares)
    """How often each kind of reformulation happens."""

    def __post_init__(self) -> None:
        names = ("misspell_share", "real_misspell_share", "synonym_share", "drop_share", "give_up_prob")
        for name in names:
            if not 0.0 <= (value := getattr(self, name)) <= 1.0:
                raise UntilclickError(f"{name} is {value}; give a share between 0 and 1")
        for name in ("max_queries", "results_examined"):
            if (value := getattr(self, name)) < 1:
                raise UntilclickError(f"{name} is {value}; give 1 or more")


class TypedQuery(NamedTuple):
    """A query as typed, with what the user meant by each word."""

    text: str
    words: Words
    step: int
    """0-based position in the session."""
    kind: str
    """`first`, `scripted`, or the kind of reformulation that led here."""


class SimulatedUser:
    """All users of one collection; who is meant is said by the topic and the random generator given to each call."""

    def __init__(
        self,
        config: UserConfig,
        needs: NeedReader,
        queries: Literal["real", "made"] = "made",
        *,
        synonyms: Synonyms | None = None,
        scripted_queries: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """`scripted_queries` (topic_id -> queries in order) are typed as they stand before anything is invented."""
        self.config = config
        self.needs = needs
        self._verbatim = queries == "real"
        self._synonyms = open_synonyms() if synonyms is None else synonyms
        self._scripts = dict(scripted_queries or {})
        self._misspellings = load_misspellings(config.misspellings) if config.misspell_share > 0 else Misspellings({})

    @classmethod
    def of(cls, collection: Collection, config: UserConfig | None = None, index: TermIndex | None = None) -> Self:
        """The users of a collection; the term index is built where none is given."""
        reader = NeedReader(TermIndex.build(collection.corpus) if index is None else index)
        return cls(UserConfig() if config is None else config, reader, collection.queries)

    def click_model(self, max_grade: int) -> ClickModel:
        """How these users click on grades 0..max_grade."""
        return click_model(self.config.click_model, self.config.behaviour, max_grade)

    def first_query(self, topic: Topic, rng: np.random.Generator) -> TypedQuery:
        """The scripted query if there is one; the topic's query as it stands where queries are real; else the
        topic's query through the user's noise. Never empty unless the topic's query is."""
        if script := self._scripts.get(topic.topic_id):
            return _verbatim(script[0], 0, "scripted")
        if self._verbatim:
            return _verbatim(topic.query, 0, "first")
        typed = self._with_noise(_clean_words(topic.query), rng)
        return TypedQuery(_text(typed), typed, 0, "first")

    def next_query(self, topic: Topic, last: TypedQuery, rng: np.random.Generator) -> TypedQuery | None:
        """What the user types after a query that did not satisfy; None when it gives up or has run out of ideas."""
        step = last.step + 1
        script = self._scripts.get(topic.topic_id, ())
        gives_up = rng.random() < self.config.give_up_prob
        if gives_up or step >= self.config.max_queries:
            return None
        if step < len(script):
            return _verbatim(script[step], step, "scripted")
        changed = reformulate(last.words, self.needs.need(topic), self.config.shares, rng)
        if changed is None:
            return None
        kind, typed = changed
        return TypedQuery(_text(typed), typed, step, kind.value)

    def _with_noise(self, clean: tuple[str, ...], rng: np.random.Generator) -> Words:
        draws = rng.random((len(clean), 3)).tolist()
        content = [i for i, word in enumerate(clean) if word not in _STOP_WORDS]
        kept = {i for i, draw in enumerate(draws) if draw[0] >= self.config.drop_share}
        if content and kept.isdisjoint(content):
            kept.add(pick(content, rng))
        return tuple(
            self._typed(clean[i], draws[i][1:], rng) if i in content else TypedWord(clean[i], clean[i])
            for i in sorted(kept)
        )

    def _typed(self, word: str, draws: Sequence[float], rng: np.random.Generator) -> TypedWord:
        meant = word
        if draws[0] < self.config.synonym_share and (synonyms := self._synonyms.of(word)):
            meant = pick(synonyms, rng)
        if draws[1] < self.config.misspell_share:
            return TypedWord(self._misspellings.misspell(meant, self.config.real_misspell_share, rng), meant)
        return TypedWord(meant, meant)


@lru_cache(maxsize=1 << 16)
def _clean_words(query: str) -> tuple[str, ...]:
    return tuple(words(query))


def _verbatim(text: str, step: int, kind: str) -> TypedQuery:
    """A real query: searched exactly as it stands. Its content words are what later changes start from."""
    typed = tuple(TypedWord(word, word) for word in words(text) if word not in _STOP_WORDS)
    return TypedQuery(text, typed, step, kind)


def _text(typed: Words) -> str:
    return " ".join(word.typed for word in typed)
