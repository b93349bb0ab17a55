"""Actions and returns of a session log: which terms were added to a query, and how soon a click followed. They need
no simulator, judgments or search. No torch.

    turn 0   rmtre folder          <- prompt
    turn 1   delete directory      <- action "delete directory", not clicked yet
    turn 2   shutil rmtree         <- action "shutil rmtree", clicked at rank 2

Searchers rewrite their own queries, and the service logs the rewrites that it applied; both are actions that were
tried. Untried actions are missing, so a method that learns from these samples can choose among known actions but not
discover new ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from untilclick.rewriter.language.prompts import Prompt, SpellingCandidates, render
from untilclick.rewriter.language.vocabulary import TermVocabulary
from untilclick.rewriter.rewrite import RewriteRequest
from untilclick.search.records import Session


@dataclass(frozen=True, slots=True)
class LoggedAction:
    """Terms that were added to a query, with their mean return."""

    prompt: Prompt
    """Model input: the query with the session's earlier queries."""
    terms: tuple[int, ...]
    """One or more token ids that the query lacks, in the order in which they were first typed. The same terms in
    another order are the same action."""
    mean_return: float
    """Mean return over the sessions with this action, 0..1; see `session_return`."""
    count: int
    """Number of times that the action was taken."""


@dataclass(frozen=True)
class ActionSettings:
    """Settings for reading actions from sessions."""

    terms: int = 4
    """Longest action; if more new terms were typed, the first of them are taken."""
    discount: float = 0.7
    """Factor on the return for each further query until the click, 0..1."""
    most: int = 20_000
    """Largest number of distinct actions, the most frequent first."""


def session_return(session: Session, step: int, discount: float) -> float:
    """Return of searching the query of turn `step`, in [0, 1]: discount^(further queries until the click) / rank of
    the click; 0 without a click at or after that turn.

    The click is the session's last one, because earlier clicks did not end the search. The return is 1 if this query
    ranked the clicked document first. It is the usual discounted return with one search as the time step, and with
    the reciprocal rank of the one document that is known to be relevant as the reward.
    """
    clicked = [turn for turn in session.turns if turn.clicks]
    if not clicked or clicked[-1].step < step:
        return 0.0
    last = clicked[-1]
    final = max(last.clicks, key=lambda click: click.time)
    return float(discount ** (last.step - step) / final.rank)


def logged_actions(
    sessions: Iterable[Session],
    vocabulary: TermVocabulary,
    spelling: SpellingCandidates | None,
    settings: ActionSettings,
) -> list[LoggedAction]:
    """The distinct actions of a log, the most frequent first. The same terms added to the same prompt are one action,
    with the mean of the returns. Empty for a log in which every session has one query and no rewrite was applied."""

    @cache
    def rendered(request: RewriteRequest) -> Prompt:
        return render(request, vocabulary, spelling)

    tallies: dict[tuple[Prompt, frozenset[int]], _Tally] = {}
    for session in sessions:
        for attempt in _attempts(session):
            prompt = rendered(attempt.request)
            terms = _added_terms(attempt.text, prompt, vocabulary, settings.terms)
            if terms and not prompt.empty:
                tally = tallies.setdefault((prompt, frozenset(terms)), _Tally(terms))
                tally.add(session_return(session, attempt.step, settings.discount))
    actions = [
        LoggedAction(prompt, tally.terms, tally.total / tally.count, tally.count)
        for (prompt, _), tally in tallies.items()
    ]
    return sorted(actions, key=lambda action: -action.count)[: settings.most]


def mean_return(actions: Sequence[LoggedAction]) -> float:
    """Mean return over every time that an action was taken; 0 without actions."""
    total = sum(action.count for action in actions)
    return sum(action.count * action.mean_return for action in actions) / total if total else 0.0


def prompt_values(actions: Sequence[LoggedAction], prior: float = 1.0) -> dict[Prompt, float]:
    """Expected return at each prompt, whatever the action: the mean return of its actions, shrunk towards the mean of
    the whole log as if `prior` further actions with that return had been seen. Without shrinkage, the only action at
    a prompt would always have an advantage of 0."""
    overall = mean_return(actions)
    totals: dict[Prompt, tuple[float, float]] = {}  # sum of returns, number of actions
    for action in actions:
        total, count = totals.get(action.prompt, (prior * overall, prior))
        totals[action.prompt] = (total + action.count * action.mean_return, count + action.count)
    return {prompt: total / count for prompt, (total, count) in totals.items()}


class _Attempt(NamedTuple):
    """A text that was searched in place of a request's query."""

    request: RewriteRequest
    text: str
    step: int
    """The turn that searched the text."""


class _Tally:
    """Sum and number of the returns of one action."""

    def __init__(self, terms: tuple[int, ...]) -> None:
        self.terms = terms
        self.total, self.count = 0.0, 0

    def add(self, value: float) -> None:
        self.total += value
        self.count += 1


def _attempts(session: Session) -> Iterator[_Attempt]:
    """Every later query as a rewrite of every earlier one, and every rewrite that the service applied."""
    typed = tuple(turn.query for turn in session.turns)
    for step, turn in enumerate(session.turns):
        request = RewriteRequest(typed[step], typed[:step])
        if turn.rewrite is not None:
            yield _Attempt(request, turn.rewrite, turn.step)
        for later in session.turns[step + 1 :]:
            yield _Attempt(request, later.query, later.step)


def _added_terms(text: str, prompt: Prompt, vocabulary: TermVocabulary, most: int) -> tuple[int, ...]:
    """The first `most` distinct term tokens of a text that the prompt's query lacks."""
    tokens = (vocabulary.token_ids.get(term) for term in vocabulary.analysis.terms(text))
    added = dict.fromkeys(token for token in tokens if token is not None and token not in prompt.query_ids)
    return tuple(added)[:most]
