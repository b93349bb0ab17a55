"""The queries of a log that a stage learns from, and the held-out ones on which it stops its training and chooses its
blend: here alone clicks or judgments become their grades.

Every stage that reads a log holds out the same needs, so that no stage is chosen on queries that an earlier stage
learned from. `validation.py` scores a policy on them; `data/log_sides.py` splits the sessions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from untilclick.rewriter.caution import Caution, HarmSetting
from untilclick.rewriter.config import LearnFrom
from untilclick.rewriter.data.click_rates import rated_queries
from untilclick.rewriter.data.corpus_scorer import CorpusScorer
from untilclick.rewriter.data.log_sides import LogSides
from untilclick.rewriter.data.logged_queries import (
    JudgedQuery,
    clicked_queries,
    mostly_first,
    simulated_queries,
    training_query,
)
from untilclick.rewriter.data.show import Units, unseen
from untilclick.rewriter.language.language import Language
from untilclick.rewriter.language.prompts import read_corrected
from untilclick.rewriter.serving.blend import BlendSettings
from untilclick.rewriter.serving.term_rewriter import NextTermLogits
from untilclick.rewriter.training.blend_grid import GRID_SHARPNESS
from untilclick.rewriter.training.prominence.document_prior import further_queries
from untilclick.rewriter.training.scored import Scored
from untilclick.rewriter.training.validation import BlendChoice, ValidationSet
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.errors import DataError
from untilclick.search.records import Session

TRIAL_BLENDS = tuple(
    BlendSettings(original=original, feedback=0.1, rewrite=rewrite, expansion_terms=60)
    for original, rewrite in ((0.3, 0.6), (0.5, 0.4), (0.7, 0.2), (0.8, 0.1))
)
"""Blends in which epochs are compared as long as none has been chosen. There are several, since corpora differ in how
much of a rewrite helps."""
LATER_SHARE = 0.5
"""Largest number of later queries of sessions, as a share of the number of first queries. Later queries are many,
alike and less realistic; a blend chosen on all of them is too cautious for first queries."""

ENOUGH_NEEDS = 250
"""Number of needs up to which needs without a first query are stated by a later one. In a log that names no topic
most first queries were typed in training, too, by searchers who clicked other documents: of NFCorpus' 1,037 held-out
ones 15 are left, and 23 queries chose the blend."""


def queries_to_learn_from(
    opened: OpenedCollection,
    sessions: tuple[Session, ...],
    learn_from: LearnFrom,
    of_clicks: Callable[[tuple[Session, ...]], list[JudgedQuery]] = clicked_queries,
) -> list[JudgedQuery]:
    """Queries to train on. `judgments`: see `wanted_queries`. `clicks`: graded by `of_clicks`, and no topic is read:
    by default with the number of sessions that a click on each document ended, or with clicks per examination
    (`rated_queries`). Documents that no session showed have no grade then, and count 0 in a reward: of them nothing
    is known."""
    return of_clicks(sessions) if learn_from == "clicks" else wanted_queries(opened, sessions)


def wanted_queries(opened: OpenedCollection, sessions: tuple[Session, ...]) -> list[JudgedQuery]:
    """Queries to train on: with the grades of simulated users' topics, or with clicks if no session names a topic."""
    return simulated_queries(sessions, opened.collection.all_topics) or clicked_queries(sessions)


def held_out_queries(
    opened: OpenedCollection, sides: LogSides, learn_from: LearnFrom = "judgments"
) -> list[JudgedQuery]:
    """Queries to validate on: with the grades of simulated users' topics, or with clicks per examination if no
    session names a topic; see `untyped`. With `clicks` always with clicks per examination."""
    simulated = simulated_held_out(opened, sides) if learn_from == "judgments" else []
    return simulated or rated_held_out(sides)


def rated_held_out(sides: LogSides) -> list[JudgedQuery]:
    """The queries of the validation sessions with clicks per examination; see `untyped`."""
    return untyped(rated_queries(sides.validation, sides.need_of), sides)


def simulated_held_out(opened: OpenedCollection, sides: LogSides) -> list[JudgedQuery]:
    """The queries of the validation sessions that name a simulated user's topic, with its grades."""
    return untyped(simulated_queries(sides.validation, opened.collection.all_topics, sides.need_of), sides)


def untyped(queries: Sequence[JudgedQuery], sides: LogSides) -> list[JudgedQuery]:
    """The queries whose index terms were not typed in training. All of them if there are no others: a log of a few
    popular queries has none, and what was learned from it is still judged without them."""
    others = [query for query in queries if not sides.is_typed_in_training(query.request.query)]
    return others or list(queries)


def open_validation(
    opened: OpenedCollection,
    queries: Sequence[JudgedQuery],
    scorer: CorpusScorer,
    language: Language,
    caution: HarmSetting = "balanced",
) -> ValidationSet:
    """The validation set of held-out queries. Raises DataError if none of them has a relevant document."""
    relevant = [query for query in queries if query.relevance]
    mixed = mostly_first(relevant, LATER_SHARE, rounding=math.ceil)
    stated = with_later_needs(mixed, relevant, ENOUGH_NEEDS)
    validation = validation_set(opened, stated, scorer, language, caution)
    if not len(validation):
        raise DataError("The log holds no query to validate on besides those to train on; log sessions of more needs")
    return validation


def with_later_needs(chosen: Sequence[JudgedQuery], queries: Sequence[JudgedQuery], enough: int) -> list[JudgedQuery]:
    """The chosen queries and, of each need that they lack, the first of the other queries, until they have `enough`
    needs. Queries whose needs are not known add none."""
    first_of_need: dict[int, JudgedQuery] = {}
    for query in queries:
        if query.need is not None:
            first_of_need.setdefault(query.need, query)
    stated = {query.need for query in chosen}
    lacking = [query for need, query in first_of_need.items() if need not in stated]
    return [*chosen, *lacking[: max(enough - len(stated), 0)]]


def validation_set(
    opened: OpenedCollection,
    queries: Sequence[JudgedQuery],
    scorer: CorpusScorer,
    language: Language,
    caution: HarmSetting = "balanced",
    limit: int | None = None,
) -> ValidationSet:
    """The queries with a relevant document, first queries of sessions before later ones, at most `limit` of them, by
    default as many as the language allows. Unknown words are corrected if that raises the mean of the originals."""
    ordered = sorted(queries, key=lambda query: len(query.request.history))
    chosen = [query for query in ordered if query.relevance][: language.validation_limit if limit is None else limit]
    plain, corrected = (
        _typed_set(opened, chosen, scorer, language, caution, corrections=corrections)
        for corrections in (False, True)
    )
    return plain if plain.original_ndcg > corrected.original_ndcg else corrected


def further_validation(
    opened: OpenedCollection, sides: LogSides, scorer: CorpusScorer, language: Language, validation: ValidationSet
) -> ValidationSet | None:
    """Queries of needs that were learned from, see `further_queries`, with the corrections of the validation's. None
    if no session names a simulated user's topic, since clicks tell which of the shown documents are wanted, and in a
    log that was split without needs."""
    graded = simulated_queries(sides.training, opened.collection.all_topics, sides.need_of)
    typed = {turn.query for session in sides.validation for turn in session.turns}
    chosen = further_queries(graded, typed, scorer.n_documents, opened.analysis)
    if not chosen:
        return None
    return _typed_set(opened, chosen, scorer, language, validation.caution, corrections=validation.corrections)


def _typed_set(
    opened: OpenedCollection,
    queries: Sequence[JudgedQuery],
    scorer: CorpusScorer,
    language: Language,
    caution: HarmSetting,
    *,
    corrections: bool,
) -> ValidationSet:
    """The queries, with the corrections of unknown words or without them."""
    spelling = opened.spelling if corrections else None
    prompts = [language.prompt(query.request, opened.spelling) for query in queries]
    return ValidationSet(
        scorer,
        prompts if spelling is None else [read_corrected(prompt, spelling.correct) for prompt in prompts],
        [training_query(query, spelling, opened.analysis) for query in queries],
        corrections=corrections,
        caution=caution,
        needs=needs_of(queries),
    )


def needs_of(queries: Sequence[JudgedQuery]) -> NDArray[np.int64] | None:
    """(n,) the need of each query; None if one is not known."""
    needs = [query.need for query in queries]
    return None if None in needs else np.array(needs, dtype=np.int64)


def sharpened_score(validation: ValidationSet, read: NextTermLogits, *blends: BlendSettings) -> Scored:
    """nDCG@10 of the validation queries in the best of these blends at the best sharpness of the grid."""
    sharpened = [replace(blend, sharpness=sharpness) for sharpness in GRID_SHARPNESS for blend in blends]
    return validation.best_score(read, sharpened)


def never_worse(
    validation: ValidationSet,
    read: NextTermLogits,
    blend: BlendSettings,
    blends: Mapping[Caution, BlendSettings] | None = None,
    units: Units = unseen,
) -> BlendChoice:
    """The best blend of the grid, or the blend of the earlier model, without its gate, if that scores higher and does
    not harm too many queries; for each caution that the earlier model has a blend for. `blend` is that of its
    training, `blends` are those of each caution. Queries made from documents keep what their strata choose, in which
    the earlier blend was not tried. `units` is told the progress."""
    choices = validation.choices(read, units)
    earlier: dict[HarmSetting, BlendSettings] = {validation.caution: blend}
    earlier.update((caution, each) for caution, each in (blends or {}).items())
    for caution in choices.keys() & earlier.keys():
        if choices[caution].strata is not None:
            continue
        choice, before = choices[caution], validation.without_gate(read, earlier[caution])
        accepted = max(validation.harm_limit(caution), choice.harmed)
        if before.ndcg > choice.ndcg and before.harmed <= accepted:
            choices[caution] = before
    return validation.chosen(validation.with_priors(choices, read))
