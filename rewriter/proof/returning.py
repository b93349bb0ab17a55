"""The queries of a log that return, judged apart: what was learned from some visitors, by what others clicked.

It is the one comparison in which a need may stand on both sides. The model has a training and a blend of its own,
because three visitors of a query leave none to choose by: the warm start, trained to its end and then as long on the
returning queries alone, in a blend that trusts it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from untilclick.rewriter.config import RunConfig
from untilclick.rewriter.data.click_judgments import judged_inputs
from untilclick.rewriter.data.log_sides import LogSides
from untilclick.rewriter.data.show import ShowProgress, steps
from untilclick.rewriter.evaluation.judge import judge
from untilclick.rewriter.judging.evidence import UNTRAINED, Finding
from untilclick.rewriter.judging.needs import terms_of_query
from untilclick.rewriter.judging.returning import Returning, returning_queries
from untilclick.rewriter.proof.contest import JudgingConfig, contestant
from untilclick.rewriter.proof.refit import empty_run
from untilclick.rewriter.proof.retraining import train_further, train_to_the_end
from untilclick.rewriter.serving.blend import RETURNING
from untilclick.rewriter.serving.scope import SALT_BYTES, Scope
from untilclick.rewriter.stages.record import BASE, STAGE_FILE, WARM_START
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.records import Session


def contest_of_returning(
    run: RunConfig, opened: OpenedCollection, sides: LogSides, judging: JudgingConfig, show: ShowProgress
) -> Finding:
    """What some visitors taught against the untrained rewriter, on the queries that return."""
    returning = returning_queries(sides.all, opened.analysis, run.split_key)
    if returning.record.too_few:
        return Finding.unknown(UNTRAINED, returning.record.too_few)
    if not (run.out / WARM_START / STAGE_FILE).is_file():
        return Finding.unknown(UNTRAINED, "the run has no warm start, which learns from them")
    judged = [one for session in sides.all for one in by_query(session, returning)]
    needs: dict[str, int] = {}
    inputs = judged_inputs(
        judged,
        opened.collection.all_topics,
        lambda session: needs.setdefault(terms_of_query(session.turns[0].query, opened.analysis), len(needs)),
        lambda _query: False,
    )
    learned_from = [session for session in sides.all if not returning.is_judged(session)]
    with taught(run, opened, sides.to_learn_from(learned_from), returning, show) as folder:
        version = contestant("returning", folder, opened, RETURNING)
        untrained = contestant(UNTRAINED, run.out / BASE, opened)
        rng = np.random.default_rng([judging.seed, 4])
        return replace(judge(version, untrained, inputs, judging.clauses, rng), by_visitor=True)


@contextmanager
def taught(
    run: RunConfig, opened: OpenedCollection, sides: LogSides, returning: Returning, show: ShowProgress
) -> Iterator[Path]:
    """A folder with the warm start of a run, trained to its end on the training sessions of `sides`, then on those of
    them that typed returning queries; until the block ends."""
    alone = sides.to_learn_from([session for session in sides.training if returning.is_typed_in(session)])
    with empty_run(run) as work:
        with show("Learning from all sessions") as update:
            folder = train_to_the_end(run.out / WARM_START, work, opened, sides, steps(update))
        with show("Learning returning queries") as update:
            train_further(folder, work, opened, alone, steps(update))
        yield folder


def scope_of(returning: Returning, opened: OpenedCollection) -> Scope:
    """The queries that the learned part of a version may answer if only returning needs speak for it."""
    return Scope.of(returning.queries, opened.analysis, opened.spelling, secrets.token_bytes(SALT_BYTES))


def by_query(session: Session, returning: Returning) -> Iterator[Session]:
    """The session once for each query that it judges, with the turn of this query first: what was shown and clicked
    at any turn counts."""
    for number, turn in enumerate(returning.judged_turns(session)):
        others = (each for each in session.turns if each is not turn)
        yield replace(session, session_id=f"{session.session_id} {number}", turns=(turn, *others))
