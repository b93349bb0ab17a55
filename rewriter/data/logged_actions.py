"""What a session log says about rewriting, with no simulator, judgment or search: which terms were added to a query,
and how soon somebody clicked afterwards. No torch.

    turn 0   rmtre folder          <- prompt
    turn 1   delete directory      <- action "delete directory", not clicked yet
    turn 2   shutil rmtree         <- action "shutil rmtree", clicked at rank 2

People rewrite their own queries, and the service logs the rewrites that it applied; both are actions that were really
tried. What nobody tried is not in here: a method that learns from these samples can prefer, not discover.
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
from untilclick.search.text.analysis import terms as analyse


@dataclass(frozen=True, slots=True)
class LoggedAction:
    """Terms that were added to a query, and what came of it."""

    prompt: Prompt
    """The query with the session before it, as the model sees it."""
    terms: tuple[int, ...]
    """Token ids in the order in which they were first typed, at least one, none of the query's own; a set: another
    order is the same action."""
    mean_return: float
    """Mean over the sessions, 0..1; see `session_return`."""
    count: int
    """How often this was done."""


@dataclass(frozen=True)
class ActionSettings:
    """How sessions are read."""

    terms: int = 4
    """Longest action; of more new terms the first typed are kept."""
    discount: float = 0.7
    """Factor per query that was still needed until the click, 0..1."""
    most: int = 20_000
    """Distinct actions kept, the most frequent first."""


def session_return(session: Session, step: int, discount: float) -> float:
    """What searching the query of turn `step` came to: discount^(queries typed after it until the click) / rank of
    the click; 0 when nothing was clicked from there on.

    The click is the session's last one: earlier ones did not end the search. It lies in [0, 1], and is 1 when the
    very query brought the clicked document up first. Discounting by what is still needed is the usual discounted
    return with one search for a time step; 1/rank is the reciprocal rank of the one document known to be wanted.
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
    """The actions of a log, the most frequent first; the same terms for the same prompt are one action with the mean
    of its returns. Empty for a log in which every session has one query and no rewrite was applied."""

    @cache
    def rendered(request: RewriteRequest) -> Prompt:
        return render(request, vocabulary, spelling)

    found: dict[tuple[Prompt, frozenset[int]], _Tally] = {}
    for session in sessions:
        for tried in _tried(session):
            prompt = rendered(tried.request)
            terms = _action(tried.text, prompt, vocabulary, settings.terms)
            if terms and not prompt.empty:
                tally = found.setdefault((prompt, frozenset(terms)), _Tally(terms))
                tally.add(session_return(session, tried.step, settings.discount))
    actions = [
        LoggedAction(prompt, tally.terms, tally.total / tally.count, tally.count)
        for (prompt, _), tally in found.items()
    ]
    return sorted(actions, key=lambda one: -one.count)[: settings.most]


def mean_return(actions: Sequence[LoggedAction]) -> float:
    """Mean return over all times that an action was taken; 0 without actions."""
    total = sum(one.count for one in actions)
    return sum(one.count * one.mean_return for one in actions) / total if total else 0.0


def prompt_values(actions: Sequence[LoggedAction], prior: float = 1.0) -> dict[Prompt, float]:
    """What is to be expected at each prompt whatever is done there: the mean return of its actions, drawn towards the
    mean of the whole log as if `prior` more actions of that worth had been seen. A prompt seen once then tells a good
    action from a bad one, which its own mean alone could not."""
    overall = mean_return(actions)
    totals: dict[Prompt, tuple[float, float]] = {}
    for one in actions:
        total, count = totals.get(one.prompt, (prior * overall, prior))
        totals[one.prompt] = (total + one.count * one.mean_return, count + one.count)
    return {prompt: total / count for prompt, (total, count) in totals.items()}


class _Tried(NamedTuple):
    """A text searched in the place of a request's query."""

    request: RewriteRequest
    text: str
    step: int
    """Turn whose search it was."""


class _Tally:
    """Running mean of one action."""

    def __init__(self, terms: tuple[int, ...]) -> None:
        self.terms = terms
        self.total, self.count = 0.0, 0

    def add(self, value: float) -> None:
        self.total += value
        self.count += 1


def _tried(session: Session) -> Iterator[_Tried]:
    """Every later query as a rewrite of every earlier one, and every rewrite that the service applied."""
    typed = tuple(turn.query for turn in session.turns)
    for step, turn in enumerate(session.turns):
        request = RewriteRequest(typed[step], typed[:step])
        if turn.rewrite is not None:
            yield _Tried(request, turn.rewrite, turn.step)
        for later in session.turns[step + 1 :]:
            yield _Tried(request, later.query, later.step)


def _action(text: str, prompt: Prompt, vocabulary: TermVocabulary, most: int) -> tuple[int, ...]:
    """Term tokens of a text that are not in the prompt's query, each once."""
    known = (vocabulary.token_ids.get(term) for term in analyse(text))
    fresh = dict.fromkeys(token for token in known if token is not None and token not in prompt.query_ids)
    return tuple(fresh)[:most]
