"""The queries of a log that return, judged apart: what was learned from some visitors, by what others clicked.

It is the one comparison in which a need may stand on both sides. The model has a training and a blend of its own,
because three visitors of a query leave none to choose by: the warm start, trained to its end and then as long on the
returning queries alone, in a blend that trusts it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from untilclick.rewriter.config import RunConfig
from untilclick.rewriter.data.click_judgments import JudgedInput, judged_inputs
from untilclick.rewriter.data.log_sides import LogSides
from untilclick.rewriter.data.show import ShowProgress, steps
from untilclick.rewriter.evaluation.judge import Contestant, first_documents, judge
from untilclick.rewriter.judging.evidence import UNTRAINED, Finding, LearnedWords
from untilclick.rewriter.judging.needs import terms_of_query
from untilclick.rewriter.judging.returning import Returning, returning_queries
from untilclick.rewriter.proof.contest import JudgingConfig, contestant
from untilclick.rewriter.proof.plan import JUDGING_RETURNING, LEARNING_ALL, LEARNING_RETURNING
from untilclick.rewriter.proof.refit import empty_run
from untilclick.rewriter.proof.retraining import train_further, train_to_the_end
from untilclick.rewriter.serving.blend import RETURNING
from untilclick.rewriter.serving.scope import SALT_BYTES, Scope
from untilclick.rewriter.stages.record import BASE, STAGE_FILE, WARM_START
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.records import Session

CONFIRMING_DEPTH = 20
"""Largest rank at which a click confirms what was learned of a word: of twenty such articles in a shop, one visitor
clicks on this one and another on that."""
SEEN = 5
"""Documents of a list that most searchers look at."""


class Contest(NamedTuple):
    """What some visitors taught against the untrained rewriter, on the queries that return."""

    finding: Finding
    words: LearnedWords | None
    """On those queries that consist of words that no document holds; None if no such query is judged."""


def contest_of_returning(
    run: RunConfig, opened: OpenedCollection, sides: LogSides, judging: JudgingConfig, show: ShowProgress
) -> Contest:
    """Learn from some visitors, and judge by the others."""
    returning = returning_queries(sides.all, opened.analysis, run.split_key)
    too_few = returning.record.too_few
    if not is_worth_learning(returning, opened):
        return Contest(Finding.unknown(UNTRAINED, too_few), None)
    if not (run.out / WARM_START / STAGE_FILE).is_file():
        return Contest(Finding.unknown(UNTRAINED, "the run has no warm start, which learns from them"), None)
    judged = [one for session in sides.all for one in by_query(session, returning)]
    needs: dict[str, int] = {}
    inputs = judged_inputs(
        judged,
        opened.collection.all_topics,
        lambda session: needs.setdefault(terms_of_query(session.turns[0].query, opened.analysis), len(needs)),
        lambda _query: False,
    )
    learned_from = [session for session in sides.all if not returning.is_judged(session)]
    # All visitors decide which words are read: with one of three set aside, none would be.
    with (
        taught(run, opened, sides.to_learn_from(learned_from, worded=sides.all), returning, show) as folder,
        show(JUDGING_RETURNING),
    ):
        version = contestant("returning", folder, opened, RETURNING)
        untrained = contestant(UNTRAINED, run.out / BASE, opened)
        of_words = [each for each in inputs if is_unheld(each.query, opened)]
        n_documents = len(opened.collection.corpus.documents)
        words = learned_words(version, untrained, of_words, judging.clauses, n_documents)
        if too_few:
            return Contest(Finding.unknown(UNTRAINED, too_few), words)
        rng = np.random.default_rng([judging.seed, 4])
        return Contest(replace(judge(version, untrained, inputs, judging.clauses, rng), by_visitor=True), words)


def is_worth_learning(returning: Returning, opened: OpenedCollection) -> bool:
    """Whether queries that return can be judged, or some of them consist of words that no document holds."""
    return not returning.record.too_few or any(is_unheld(query, opened) for query in returning.queries)


def is_unheld(query: str, opened: OpenedCollection) -> bool:
    """Whether a query has words, stop words aside, and documents hold none of them."""
    analysis, known = opened.analysis, opened.spelling
    words = [word for word in analysis.words(query) if analysis.term_of(word) is not None]
    return bool(words) and not any(known.is_known(word) for word in words)


def learned_words(
    version: Contestant, untrained: Contestant, inputs: Sequence[JudgedInput], clauses: int, n_documents: int
) -> LearnedWords | None:
    """The words of the queries for which a version finds what was clicked by visitors from whom it has not learned.
    None without inputs; `n_documents` is the number of documents of the collection.

    A click is found among the first `CONFIRMING_DEPTH` documents, or the first twentieth if that is less, so that
    documents drawn by chance hold it with a probability of at most .05. That does not count where the untrained
    rewriter alone ranks it among the first `SEEN`.
    """
    if not inputs:
        return None
    depth = max(1, min(CONFIRMING_DEPTH, n_documents // 20))
    rankings = (first_documents(each, inputs, clauses, depth) for each in (version, untrained))
    found: dict[bool, set[str]] = {True: set(), False: set()}
    for each, ours, theirs in zip(inputs, *rankings, strict=True):
        own, other = _rank(ours, each), _rank(theirs, each)
        confirms = own is not None and (own <= SEEN or other is None or other > SEEN)
        found[confirms].update(version.engine.analysis.terms(each.query))
    return LearnedWords(tuple(sorted(found[True])), tuple(sorted(found[False] - found[True])))


def _rank(ranking: Sequence[str], judged: JudgedInput) -> int | None:
    """Rank of the first document that was clicked; None if there is none."""
    ranks = (rank for rank, doc_id in enumerate(ranking, start=1) if judged.grades.get(doc_id, 0.0) > 0)
    return next(ranks, None)


@contextmanager
def taught(
    run: RunConfig, opened: OpenedCollection, sides: LogSides, returning: Returning, show: ShowProgress
) -> Iterator[Path]:
    """A folder with the warm start of a run, trained to its end on the training sessions of `sides`, then on those of
    them that typed returning queries; until the block ends."""
    typed = [session for session in sides.training if returning.is_typed_in(session)]
    alone = sides.to_learn_from(typed)
    with empty_run(run) as work:
        with show(LEARNING_ALL) as update:
            folder = train_to_the_end(run.out / WARM_START, work, opened, sides, steps(update))
        with show(LEARNING_RETURNING) as update:
            train_further(folder, work, opened, alone, steps(update))
        yield folder


def scope_of(returning: Returning, opened: OpenedCollection, words: LearnedWords | None = None) -> Scope:
    """The queries that the learned part of a version may answer if only returning needs speak for it, or only
    `words`."""
    salt = secrets.token_bytes(SALT_BYTES)
    if words is not None:
        return Scope.of_words(words.confirmed, opened.analysis, salt)
    return Scope.of(returning.queries, opened.analysis, opened.spelling, salt)


def by_query(session: Session, returning: Returning) -> Iterator[Session]:
    """The session once for each query that it judges, with the turn of this query first: what was shown and clicked
    at any turn counts."""
    for number, turn in enumerate(returning.judged_turns(session)):
        others = (each for each in session.turns if each is not turn)
        yield replace(session, session_id=f"{session.session_id} {number}", turns=(turn, *others))
