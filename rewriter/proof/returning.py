"""The queries of a log that return, judged apart: what was learned from some visitors, by what others clicked.

The one comparison in which a need may stand on both sides. The version that is judged is the run, refitted on the log
without the sessions of the visitors who judge.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from untilclick.rewriter.config import RunConfig
from untilclick.rewriter.data.click_judgments import judged_inputs
from untilclick.rewriter.data.log_sides import LogSides
from untilclick.rewriter.evaluation.champion import find
from untilclick.rewriter.judging.evidence import UNTRAINED, Finding
from untilclick.rewriter.judging.needs import terms_of_query
from untilclick.rewriter.judging.returning import Returning, returning_queries
from untilclick.rewriter.proof.contest import Judging, contestant
from untilclick.rewriter.proof.refit import refitted
from untilclick.rewriter.proof.show import ShowProgress
from untilclick.rewriter.serving.scope import SALT_BYTES, Scope
from untilclick.rewriter.stages.record import BASE
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.records import Session


def contest_of_returning(
    run: RunConfig,
    opened: OpenedCollection,
    sides: LogSides,
    judging: Judging,
    show: ShowProgress,
) -> Finding:
    """The last stage of a run against the untrained rewriter, on queries that return."""
    returning = returning_queries(sides.all, opened.analysis, run.split_key)
    if returning.record.too_few:
        return Finding.unknown(UNTRAINED, returning.record.too_few)
    learned_from = tuple(session for session in sides.all if not returning.is_judged(session))
    judged = [one for session in sides.all for one in _by_query(session, returning)]
    needs: dict[str, int] = {}
    inputs = judged_inputs(
        judged,
        opened.collection.all_topics,
        lambda session: needs.setdefault(terms_of_query(session.turns[0].query, opened.analysis), len(needs)),
        lambda _query: False,
    ).inputs
    with show("Returning needs") as update:
        trained = refitted(run, opened, sides.to_learn_from(learned_from), lambda step, n, _: update(step, n))
        with trained as folder:
            version, other = contestant(folder.name, folder, opened), contestant(UNTRAINED, run.out / BASE, opened)
            return find(version, other, inputs, judging.clauses, np.random.default_rng([judging.seed, 4]))


def _by_query(session: Session, returning: Returning) -> Iterator[Session]:
    """The session once for each query that it judges, with the turn of this query first: what was shown and clicked
    at any turn counts."""
    for number, turn in enumerate(returning.judged_turns(session)):
        others = (each for each in session.turns if each is not turn)
        yield replace(session, session_id=f"{session.session_id} {number}", turns=(turn, *others))


def scope_of(run: RunConfig, opened: OpenedCollection, sides: LogSides) -> Scope:
    """The queries that the learned part of a version may answer if only returning needs speak for it."""
    returning = returning_queries(sides.all, opened.analysis, run.split_key)
    return Scope.of(returning.queries, opened.analysis, opened.spelling, secrets.token_bytes(SALT_BYTES))
