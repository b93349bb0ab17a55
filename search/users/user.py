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
from untilclick.search.text.term_index import TermIndex
from untilclick.search.users.describing import Descriptions
from untilclick.search.users.draws import pick
from untilclick.search.users.misspellings import Misspellings, Part, load_misspellings
from untilclick.search.users.naming import LayPart, Naming
from untilclick.search.users.need import NeedReader, content_words
from untilclick.search.users.reformulation import ReformulationShares, TypedWord, Words, reformulate
from untilclick.search.users.vocabulary.lay_words import NoVocabulary, Vocabulary, lay_vocabulary


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
    """Share of the users who call a concept by its most used lay word, where the vocabulary has any; its other lay
    words are typed in proportion. An assumption, see `subject_share`."""
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
    subject_share: float = 0.35
    """Share of the content words of a made query that the wanted document lacks, beside lay words: words of its
    subject, which similar documents have. Zhao & Callan, "Term Necessity Prediction", CIKM 2010: a query term is
    absent from 30-40 % of the relevant documents."""

    def __post_init__(self) -> None:
        names = (
            "misspell_share", "real_misspell_share", "lay_share", "drop_share", "give_up_prob", "describe_share",
            "go_on_prob", "subject_share",
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


_LATER = frozenset({"describe_share", "go_on_prob", "subject_share"})
"""Habits that users of earlier versions did not have."""


class TypedQuery(NamedTuple):
    """A query as typed, and the word that the user meant by each of its words."""

    text: str
    words: Words
    step: int
    """0-based position in the session."""
    kind: str
    """`first`, `description`, `scripted`, or the kind of reformulation that made the query."""
    voice: float | None = None
    """The number in [0, 1) that decides what the user calls each concept; None if it types the documents' words."""

    @property
    def lay_words(self) -> tuple[str, ...]:
        """The lay words of the query, as the user meant them."""
        return tuple(word.meant for word in self.words if word.concept)


class SimulatedUser:
    """The users of a collection. The topic and the random generator of a call make one user of them."""

    def __init__(
        self,
        config: UserConfig,
        needs: NeedReader,
        queries: Literal["real", "made"] = "made",
        *,
        vocabulary: Vocabulary | None = None,
        descriptions: Descriptions | None = None,
        scripted_queries: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """With `queries="real"`, a topic's query is typed as it is; with "made", with the user's noise and with lay
        words of the vocabulary, if there is one. Users describe what they want if there are `descriptions`.
        `scripted_queries` (topic_id -> queries in order) are typed as they are, before any other query."""
        self.config = config
        self.needs = needs
        self._verbatim = queries == "real"
        self.analysis = needs.analysis
        self._keywords = lru_cache(maxsize=1 << 16)(lambda query: tuple(needs.analysis.keywords(query)))
        english = needs.analysis.language == "en"
        self._naming = Naming(vocabulary or NoVocabulary(), needs, config.lay_share, config.lay_part)
        self._descriptions = descriptions if config.describe_share else None
        self._scripts = dict(scripted_queries or {})
        listed = english and config.misspell_share > 0
        self._misspellings = load_misspellings(config.misspellings) if listed else Misspellings({})

    @classmethod
    def of(cls, collection: Collection, config: UserConfig | None = None, index: TermIndex | None = None) -> Self:
        """The users of a collection. The term index is built unless the caller has one."""
        config = UserConfig() if config is None else config
        reader = NeedReader(TermIndex.build(collection.corpus) if index is None else index)
        vocabulary = descriptions = None
        if collection.queries == "made" and reader.analysis.language == "en":
            if config.lay_share:
                vocabulary = lay_vocabulary(reader.index, collection.corpus)
            if config.describe_share:
                descriptions = Descriptions(collection.corpus.documents, reader.analysis)
        return cls(config, reader, collection.queries, vocabulary=vocabulary, descriptions=descriptions)

    def click_model(self, max_grade: int) -> ClickModel:
        """The click model of these users for documents of grades 0..max_grade."""
        return click_model(self.config.click_model, self.config.behaviour, max_grade)

    def first_query(self, topic: Topic, rng: np.random.Generator) -> TypedQuery:
        """The first scripted query if the topic has any; else the topic's query, as it is if queries are real, with
        the user's noise if they are made, or now and then a description. It is empty only if the topic's query is."""
        if script := self._scripts.get(topic.topic_id):
            return self._as_is(script[0], 0, "scripted")
        if self._verbatim:
            return self._as_is(topic.query, 0, "first")
        voice = rng.random() if self.config.lay_share else None
        describes = self._descriptions is not None and rng.random() < self.config.describe_share
        if describes and self._descriptions and (clause := self._descriptions.clause(topic)):
            return self._described(topic, clause, self._descriptions.frame(clause, rng), voice, rng)
        typed = self._with_noise(topic, voice, rng)
        return TypedQuery(_text(typed), typed, 0, "first", voice)

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
        words = self._called(topic, reformulation.words, last)
        return TypedQuery(_text(words), words, step, reformulation.kind.value, last.voice)

    def attributes(self, query: TypedQuery) -> dict[str, str]:
        """What a turn tells about its query: `kind`, and `lay_known` and `lay_new`, the lay words of both halves."""
        return {"kind": query.kind, **self._naming.attributes(query.words)}

    def _stops(self, rng: np.random.Generator, *, satisfied: bool) -> bool:
        """Whether the user ends the session: out of impatience, or because a click satisfied."""
        if satisfied:
            return not self.config.go_on_prob or rng.random() >= self.config.go_on_prob
        return rng.random() < self.config.give_up_prob

    def _as_is(self, text: str, step: int, kind: str) -> TypedQuery:
        """A query that is typed exactly as it is. Later reformulations start from its content words."""
        typed = tuple(TypedWord(word, word) for word in content_words(text, self.analysis))
        return TypedQuery(text, typed, step, kind)

    def _with_noise(self, topic: Topic, voice: float | None, rng: np.random.Generator) -> Words:
        """The words that the user types for a topic's query: some left out, some lay words or other words of the
        subject, some misspelt."""
        clean = self._keywords(topic.query)
        draws = rng.random((len(clean), 3)).tolist()  # for each word: left out, of the subject, misspelt
        content = [i for i, word in enumerate(clean) if not self.analysis.is_stop_word(word)]
        remaining = {i for i, draw in enumerate(draws) if draw[0] >= self.config.drop_share}
        if content and remaining.isdisjoint(content):
            remaining.add(pick(content, rng))
        names = {i: self._name(topic, clean[i], voice) for i in remaining & set(content)}
        words = self._with_subject(topic, names, {i: draws[i][1] for i in names})
        return tuple(
            self._typed(words[i], draws[i][2], rng) if i in words else TypedWord(clean[i], clean[i])
            for i in sorted(remaining)
        )

    def _described(
        self, topic: Topic, clause: str, frame: str, voice: float | None, rng: np.random.Generator
    ) -> TypedQuery:
        """A clause as the user says it, after its frame. Later reformulations start from the content words."""
        typed, content = frame.split(), []
        for word in self._keywords(clause):
            if self.analysis.is_stop_word(word):
                typed.append(word)
            else:
                content.append(self._typed(self._name(topic, word, voice), rng.random(), rng))
                typed.append(content[-1].typed)
        return TypedQuery(" ".join(typed), tuple(content), 0, "description", voice)

    def _called(self, topic: Topic, words: Words, last: TypedQuery) -> Words:
        """The words of a reformulation, the new ones as the user calls them: but a word of the document that takes
        the place of the user's own stays."""
        known = {word.meant for word in last.words} | {word.concept for word in last.words}
        return tuple(word if word.meant in known else self._name(topic, word.meant, last.voice) for word in words)

    def _name(self, topic: Topic, word: str, voice: float | None) -> TypedWord:
        """What the user calls a word of the document."""
        return TypedWord(word, word) if voice is None else self._naming.word(topic, word, voice)

    def _with_subject(
        self, topic: Topic, names: Mapping[int, TypedWord], draws: Mapping[int, float]
    ) -> dict[int, TypedWord]:
        """Words by place, words of the subject where the draws say so and the user has no lay word; each once."""
        words, share = dict(names), self.config.subject_share
        replaced = [i for i in sorted(words) if draws[i] < share and not words[i].concept]
        left = list(self.needs.subject_words.of(topic)) if replaced else []
        for i in replaced:
            if left:
                word = left.pop(int(draws[i] / share * len(left)))
                words[i] = TypedWord(word, word)
        return words

    def _typed(self, word: TypedWord, draw: float, rng: np.random.Generator) -> TypedWord:
        """A word as typed: misspelt, if the draw says so. Of a lay word of several words the longest is misspelt."""
        if draw >= self.config.misspell_share:
            return word
        longest = max(word.meant.split(" "), key=len)
        misspelt = self._misspellings.misspell(longest, self.config.real_misspell_share, rng)
        return word._replace(typed=word.meant.replace(longest, misspelt, 1))


def _text(typed: Words) -> str:
    return " ".join(word.typed for word in typed)
