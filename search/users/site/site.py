"""The documents of a site as simulated users search them: needs made from the documents, and the people's words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import takewhile
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from untilclick.search.corpora.topics import topics_from_documents
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.records import Corpus, Session, Topic
from untilclick.search.text.term_index import TermIndex
from untilclick.search.users.describing import Descriptions
from untilclick.search.users.need import NeedReader
from untilclick.search.users.popularity import need_popularity
from untilclick.search.users.simulate import SimulateConfig, simulate_sessions
from untilclick.search.users.user import SimulatedUser, UserConfig
from untilclick.search.users.vocabulary.lay_words import NoVocabulary, Vocabulary, lay_vocabulary

MOST_DOCUMENTS = 20_000
"""Largest number of documents that needs are made from; of more, so many are drawn."""


@dataclass(frozen=True)
class Site:
    """The documents that the users of a site search. Costly parts are made once, at their first use."""

    corpus: Corpus
    index: TermIndex = field(repr=False)
    """The term counts of the documents."""
    engine: SearchEngine = field(repr=False)
    """Searches queries as typed."""
    seed: int = 0
    """Seed of needs and sessions."""

    @cached_property
    def topics(self) -> tuple[Topic, ...]:
        """Known items: each need is one document, see `untilclick.search.corpora.topics`."""
        return tuple(topic for split in self.splits.values() for topic in split)

    @cached_property
    def splits(self) -> Mapping[str, Sequence[Topic]]:
        """The topics by their splits, as those of a collection of these documents."""
        documents = self.corpus.documents
        if len(documents) > MOST_DOCUMENTS:
            drawn = np.random.default_rng([self.seed, 5]).choice(len(documents), MOST_DOCUMENTS, replace=False)
            documents = tuple(documents[row] for row in np.sort(drawn).tolist())
        return topics_from_documents(documents, self.seed, self.index.analysis)

    @cached_property
    def popularity(self) -> NDArray[np.float64] | None:
        """(T,) How often users look for each of the topics, by default, see `need_popularity`."""
        return need_popularity(self.topics, self.corpus, SimulateConfig().prominence_exponent)

    @cached_property
    def needs(self) -> NeedReader:
        """The words of needs."""
        return NeedReader(self.index)

    @cached_property
    def descriptions(self) -> Descriptions | None:
        """What documents are about, for users who describe what they want; English alone."""
        english = self.index.analysis.language == "en"
        return Descriptions(self.corpus.documents, self.index.analysis) if english else None

    @cached_property
    def dictionary(self) -> Vocabulary:
        """The lay words that a dictionary tells, whatever the site's own visitors type."""
        return lay_vocabulary(self.index, self.corpus)

    def user(
        self, config: UserConfig, vocabulary: Vocabulary | None = None, queries: Literal["real", "made"] = "made"
    ) -> SimulatedUser:
        """The users with these habits. `vocabulary` is what they call things, and `queries` where those of their
        topics come from, see `SimulatedUser`."""
        named = vocabulary or NoVocabulary()
        return SimulatedUser(config, self.needs, queries, vocabulary=named, descriptions=self.descriptions)

    def sessions(
        self, config: UserConfig, vocabulary: Vocabulary | None, n: int, split: str | None = None
    ) -> Sequence[Session]:
        """n sessions of such users with needs made from the documents, of one split or all; always the same ones.
        Raises DataError if no need can be made from any document."""
        user, popularity = self.user(config, vocabulary), self.popularity
        topics = self.topics if split is None else self.splits[split]
        if split is not None and popularity is not None:
            before = [len(self.splits[name]) for name in takewhile(lambda name: name != split, self.splits)]
            popularity = popularity[sum(before) : sum(before) + len(topics)]
        return [*simulate_sessions(topics, self.engine, user, n, self.seed, popularity=popularity)]
