"""A simulated user: what it types first, what it types next if nothing satisfies it, and when it gives up.

A click model decides what the user clicks, and an engine what it is shown; `simulate.py` puts the three together. The
behaviour follows publications where there are any; each parameter says where its default comes from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Literal, NamedTuple, Self

import numpy as np

from untilclick.search.click_models.base import ClickModel
from untilclick.search.click_models.behaviour import Behaviour
from untilclick.search.click_models.by_name import click_model
from untilclick.search.errors import UntilclickError
from untilclick.search.records import Collection, Topic
from untilclick.search.text.synonyms import NoSynonyms, Synonyms, open_synonyms
from untilclick.search.text.term_index import TermIndex
from untilclick.search.users.draws import pick
from untilclick.search.users.misspellings import Misspellings, Part, load_misspellings
from untilclick.search.users.need import NeedReader, content_words
from untilclick.search.users.reformulation import ReformulationShares, TypedWord, Words, reformulate

LayPart = Literal["all", "train", "test"]


@dataclass(frozen=True)
class UserConfig:
    """Habits of simulated users. Shares and probabilities are in [0, 1]."""

    misspell_share: float = 0.35
    """Share of the content words of a made query that are misspelt. With the default, the first query fails about as
    often as queries in the search boxes of web sites do. This is an assumption, and far above the 10-15 % of misspelt
    web queries that Cucerzan & Brill (EMNLP 2004) report."""
    real_misspell_share: float = 0.7
    """Share of the misspelt words that get a real misspelling, if the list has one; the others get a slip."""
    lay_share: float = 0.35
    """Share of the content words for which a user does not think of the document's own word; a lay word is typed for
    them where the vocabulary has one, and the document's word where it has none. Zhao & Callan, "Term Necessity
    Prediction", CIKM 2010: a query term is absent from 30-40 % of the relevant documents."""
    drop_share: float = 0.1
    """Share of the words that are left out; one content word always stays. An assumption."""
    max_queries: int = 5
    """Number of queries after which every user gives up."""
    give_up_prob: float = 0.2
    """Probability of giving up after each query that did not satisfy. An assumption."""
    results_examined: int = 10
    """Number of results shown for each query."""
    click_model: str = "dbn"
    """One of `untilclick.search.click_models.by_name.CLICK_MODELS`."""
    behaviour: Behaviour = "navigational"
    """How users click on each grade."""
    misspellings: Part = "all"
    """The half of the list of real misspellings that users draw from: `train` or `test`, or `all` of it."""
    shares: ReformulationShares = field(default_factory=ReformulationShares)
    """How often each kind of reformulation happens."""
    describe_share: float = 0.06
    """Share of the first queries of made topics that describe what is wanted, in place of keywords. Pang & Kumar,
    "Search in the Lost Sense of Query", ACL 2011: 6 % of the distinct queries of a web log are questions."""
    go_on_prob: float = 0.0
    """Probability of searching on after a satisfying click, with a reformulation. 0 ends the session there."""
    lay_part: LayPart = "all"
    """The half of the lay words that users know: `train` or `test`, or `all` of them."""

    def __post_init__(self) -> None:
        names = (
            "misspell_share", "real_misspell_share", "lay_share", "drop_share", "give_up_prob", "describe_share",
            "go_on_prob",
        )  # fmt: skip
        for name in names:
            if not 0.0 <= (value := getattr(self, name)) <= 1.0:
                raise UntilclickError(f"{name} is {value}; give a share between 0 and 1")
        for name in ("max_queries", "results_examined"):
            if (value := getattr(self, name)) < 1:
                raise UntilclickError(f"{name} is {value}; give 1 or more")

    def __repr__(self) -> str:
        """The habits as text. Ids of sessions and keys of a demo's steps are hashes of it, so users without a new
        habit have the text that earlier versions gave to users without synonyms."""
        texts = []
        for name, value in ((each.name, getattr(self, each.name)) for each in fields(self)):
            if name == "lay_share" and not self.lay_share:
                texts.append("synonym_share=0.0")
            elif (value or name not in _LATER) and (self.lay_share or name != "lay_part"):
                texts.append(f"{name}={value!r}")
        return f"UserConfig({', '.join(texts)})"


_LATER = frozenset({"describe_share", "go_on_prob"})
"""Habits that users of earlier versions did not have."""


class TypedQuery(NamedTuple):
    """A query as typed, and the word that the user meant by each of its words."""

    text: str
    words: Words
    step: int
    """0-based position in the session."""
    kind: str
    """`first`, `scripted`, or the kind of reformulation that made the query."""


class SimulatedUser:
    """The users of a collection. The topic and the random generator of a call make one user of them."""

    def __init__(
        self,
        config: UserConfig,
        needs: NeedReader,
        queries: Literal["real", "made"] = "made",
        *,
        synonyms: Synonyms | None = None,
        scripted_queries: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """With `queries="real"`, a topic's query is typed as it is; with "made", with the user's noise.
        `scripted_queries` (topic_id -> queries in order) are typed as they are, before any other query."""
        self.config = config
        self.needs = needs
        self._verbatim = queries == "real"
        self.analysis = needs.analysis
        self._keywords = lru_cache(maxsize=1 << 16)(lambda query: tuple(needs.analysis.keywords(query)))
        english = needs.analysis.language == "en"
        self._synonyms = synonyms or (open_synonyms() if english else NoSynonyms())
        self._scripts = dict(scripted_queries or {})
        listed = english and config.misspell_share > 0
        self._misspellings = load_misspellings(config.misspellings) if listed else Misspellings({})

    @classmethod
    def of(cls, collection: Collection, config: UserConfig | None = None, index: TermIndex | None = None) -> Self:
        """The users of a collection. The term index is built unless the caller has one."""
        reader = NeedReader(TermIndex.build(collection.corpus) if index is None else index)
        return cls(UserConfig() if config is None else config, reader, collection.queries)

    def click_model(self, max_grade: int) -> ClickModel:
        """The click model of these users for documents of grades 0..max_grade."""
        return click_model(self.config.click_model, self.config.behaviour, max_grade)

    def first_query(self, topic: Topic, rng: np.random.Generator) -> TypedQuery:
        """The first scripted query if the topic has any; else the topic's query, as it is if queries are real, with
        the user's noise if they are made. It is empty only if the topic's query is."""
        if script := self._scripts.get(topic.topic_id):
            return self._as_is(script[0], 0, "scripted")
        if self._verbatim:
            return self._as_is(topic.query, 0, "first")
        typed = self._with_noise(self._keywords(topic.query), rng)
        return TypedQuery(_text(typed), typed, 0, "first")

    def next_query(
        self, topic: Topic, last: TypedQuery, rng: np.random.Generator, *, satisfied: bool = False
    ) -> TypedQuery | None:
        """The query after one that did not satisfy, or that did; None if the user ends the session, and if no
        reformulation applies."""
        step = last.step + 1
        script = self._scripts.get(topic.topic_id, ())
        if self._stops(rng, satisfied=satisfied) or step >= self.config.max_queries:
            return None
        if step < len(script):
            return self._as_is(script[step], step, "scripted")
        reformulation = reformulate(last.words, self.needs.need(topic), self.config.shares, rng)
        if reformulation is None:
            return None
        return TypedQuery(_text(reformulation.words), reformulation.words, step, reformulation.kind.value)

    def _stops(self, rng: np.random.Generator, *, satisfied: bool) -> bool:
        """Whether the user ends the session: out of impatience, or because a click satisfied."""
        if satisfied:
            return not self.config.go_on_prob or rng.random() >= self.config.go_on_prob
        return rng.random() < self.config.give_up_prob

    def _as_is(self, text: str, step: int, kind: str) -> TypedQuery:
        """A query that is typed exactly as it is. Later reformulations start from its content words."""
        typed = tuple(TypedWord(word, word) for word in content_words(text, self.analysis))
        return TypedQuery(text, typed, step, kind)

    def _with_noise(self, clean: tuple[str, ...], rng: np.random.Generator) -> Words:
        """The words that the user types for a clean query: some left out, some as synonyms, some misspelt."""
        draws = rng.random((len(clean), 3)).tolist()  # for each word: left out, synonym, misspelt
        content = [i for i, word in enumerate(clean) if not self.analysis.is_stop_word(word)]
        remaining = {i for i, draw in enumerate(draws) if draw[0] >= self.config.drop_share}
        if content and remaining.isdisjoint(content):
            remaining.add(pick(content, rng))
        return tuple(
            self._typed(clean[i], draws[i][1:], rng) if i in content else TypedWord(clean[i], clean[i])
            for i in sorted(remaining)
        )

    def _typed(self, word: str, draws: Sequence[float], rng: np.random.Generator) -> TypedWord:
        meant = word
        if draws[0] < self.config.lay_share and (synonyms := self._synonyms.of(word)):
            meant = pick(synonyms, rng)
        if draws[1] < self.config.misspell_share:
            return TypedWord(self._misspellings.misspell(meant, self.config.real_misspell_share, rng), meant)
        return TypedWord(meant, meant)


def _text(typed: Words) -> str:
    return " ".join(word.typed for word in typed)
