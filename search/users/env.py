"""The fake search engine as a `gymnasium.Env`: text in, text out, so that any agent can be tried on it.

An episode is a search session. The agent sees the typed query and answers with the query to search instead; the user
looks at the results and clicks, types another query or gives up. The training of this package does not use the
environment: `untilclick.rewriter.data.environment` scores thousands of rewrites at once.
"""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from untilclick.search.click_models.base import DRAWS_PER_RANK, NO_DOCUMENT, Clicks, Items
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.errors import DataError, MissingDependencyError
from untilclick.search.records import TOPIC_ATTRIBUTE, ScoredDoc, Topic, WeightedQuery
from untilclick.search.users.user import SimulatedUser, TypedQuery

try:
    import gymnasium
    from gymnasium import spaces
except ImportError as error:
    raise MissingDependencyError.of("gymnasium", "train") from error

CHARACTERS = string.ascii_letters + string.digits + string.punctuation + " \n"
"""The characters of observations and actions. Accents are removed, other characters are left out."""

Observation = dict[str, str]


@dataclass(frozen=True)
class EnvConfig:
    """What the agent observes, and how it is rewarded."""

    max_query_length: int = 200
    """Maximum number of characters of a query; longer queries are cut in observations."""
    max_text_length: int = 4000
    """Maximum number of characters of each other observed text; longer texts are cut."""
    feedback_terms: int = 10
    """Number of words in the observation's `feedback`."""
    expected: bool = False
    """Reward with the expectation over clicks instead of the clicks that were drawn."""


class QuerySessionEnv(gymnasium.Env[Observation, str]):
    """Rewrite each query of a simulated user.

    Observation: `query` as typed, `history` (earlier queries, one per line), `titles` (of the results of the typed
    query, one per line), `feedback` (words of the typed query's relevance model, heaviest first, separated by
    spaces).
    Action: the query to search instead; an empty or blank text, or the query itself, keeps the typed query.
    Reward: 1 / rank of the first click on the results of the action, 0 without a click, minus the same for the typed
    query; in [-1, 1]. Both lists are clicked with the same random numbers, so keeping the query gives exactly 0.
    The episode terminates at the first satisfying click or when the user gives up; it is never truncated.
    """

    metadata = {"render_modes": []}  # noqa: RUF012

    def __init__(
        self, topics: Sequence[Topic], engine: SearchEngine, user: SimulatedUser, config: EnvConfig | None = None
    ) -> None:
        """Each episode draws one of the topics, all equally likely. Raises DataError if there are none."""
        if not topics:
            raise DataError("No topics to simulate users for. Choose a split that has topics")
        self._topics, self._engine, self._user = tuple(topics), engine, user
        self._config = EnvConfig() if config is None else config
        self._k = user.config.results_examined
        max_grade = max((grade for topic in topics for grade in topic.relevance.values()), default=1)
        self._clicks = user.click_model(max(max_grade, 1))
        query = spaces.Text(self._config.max_query_length, min_length=0, charset=CHARACTERS)
        text = spaces.Text(self._config.max_text_length, min_length=0, charset=CHARACTERS)
        self.observation_space = spaces.Dict({"query": query, "history": text, "titles": text, "feedback": text})  # type: ignore[assignment]
        self.action_space = query
        self._topic = self._topics[0]
        self._query: TypedQuery | None = None
        self._history: list[str] = []

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start a session: a new user with a topic in mind types its first query. `options` are ignored; info has the
        `topic_id`."""
        super().reset(seed=seed, options=options)
        self._topic = self._topics[int(self.np_random.integers(len(self._topics)))]
        self._query = self._user.first_query(self._topic, self.np_random)
        self._history = []
        return self._observation(self._query), {TOPIC_ATTRIBUTE: self._topic.topic_id}

    def step(self, action: str) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Search the action and let the user look at the results.

        Info: `topic_id`, `searched` (the query that was searched), `clicked_ranks`, `satisfied` (whether a click
        ended the session). After the last step the observation is still that of the last query. Raises AssertionError
        before `reset` and after the end of an episode.
        """
        typed = self._query
        assert typed is not None, "call reset first"
        searched = self._searched(action, typed.text)
        items = self._grades([typed.text, searched])  # (2, k)
        draws = np.tile(self.np_random.random((1, self._k, DRAWS_PER_RANK)), (2, 1, 1))  # (2, k, 2), equal halves
        clicks = self._clicks.sample_with(items, draws)
        original, rewritten = self._rewards(items, clicks)
        satisfied = int(clicks.satisfied[1])
        ranks = [int(rank) + 1 for rank in np.flatnonzero(clicks.clicked[1]) if satisfied < 0 or rank < satisfied]
        info = {
            TOPIC_ATTRIBUTE: self._topic.topic_id,
            "searched": searched,
            "clicked_ranks": ranks,
            "satisfied": satisfied > 0,
        }
        following = None if satisfied > 0 else self._user.next_query(self._topic, typed, self.np_random)
        if following is not None:
            self._history.append(typed.text)
        self._query = following
        return self._observation(following or typed), rewritten - original, following is None, False, info

    def _searched(self, action: str, typed: str) -> str:
        """The action, or the typed query if the action keeps it."""
        unchanged = not action.strip() or action == _plain(typed, self._config.max_query_length)
        return typed if unchanged else action

    def _rewards(self, items: Items, clicks: Clicks) -> list[float]:
        """The reward of each list of `items` (2, k)."""
        ranks = np.arange(1, self._k + 1)
        if self._config.expected:
            return [float(value) for value in self._clicks.first_click_prob(items) @ (1.0 / ranks)]
        first = np.where(clicks.clicked.any(axis=1), 1.0 / (clicks.clicked.argmax(axis=1) + 1.0), 0.0)
        return [float(value) for value in first]

    def _grades(self, queries: list[str]) -> Items:
        """(B, k) the grades of each query's results, `NO_DOCUMENT` below their end."""
        items = np.full((len(queries), self._k), NO_DOCUMENT)
        for row, ranking in zip(items, self._rankings(queries), strict=True):
            row[: len(ranking)] = [self._topic.relevance.get(document.doc_id, 0) for document in ranking]
        return items

    def _rankings(self, queries: list[str]) -> list[list[ScoredDoc]]:
        return self._engine.search([WeightedQuery.of(query) for query in queries], self._k)

    def _observation(self, typed: TypedQuery) -> Observation:
        [ranking] = self._rankings([typed.text])
        documents = self._engine.documents([document.doc_id for document in ranking])
        terms = self._engine.feedback_terms(WeightedQuery.of(typed.text), self._config.feedback_terms)
        length = self._config.max_text_length
        return {
            "query": _plain(typed.text, self._config.max_query_length),
            "history": _plain("\n".join(self._history), length),
            "titles": _plain("\n".join(document.title.replace("\n", " ") for document in documents), length),
            "feedback": _plain(" ".join(term for term, _ in terms), length),
        }


def _plain(text: str, length: int) -> str:
    """The text without accents and without characters outside `CHARACTERS`, at most `length` characters."""
    return "".join(c for c in unicodedata.normalize("NFKD", text) if c in _CHARACTER_SET)[:length]


_CHARACTER_SET = frozenset(CHARACTERS)
