"""The part of a log that is kept back: what a stage stops by, and what its blend is chosen on.

Every stage that reads a log keeps back the same needs, so that none of them is chosen on what an earlier one learned
from. How a policy is scored there is `validation.py`'s; how sessions are parted is `data/logged_queries.py`'s.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from untilclick.rewriter.data.click_rates import rated_queries
from untilclick.rewriter.data.corpus_scorer import CorpusScorer
from untilclick.rewriter.data.logged_queries import (
    JudgedQuery,
    clicked_queries,
    mostly_first,
    simulated_queries,
    training_query,
)
from untilclick.rewriter.language.language import Language
from untilclick.rewriter.serving.blend import BlendSettings
from untilclick.rewriter.serving.term_rewriter import NextTermLogits
from untilclick.rewriter.training.validation import GRID_SHARPNESS, BlendChoice, ValidationSet
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.errors import DataError
from untilclick.search.records import Session

TRIAL_BLENDS = tuple(
    BlendSettings(original=original, feedback=0.1, rewrite=rewrite, expansion_terms=60)
    for original, rewrite in ((0.3, 0.6), (0.5, 0.4), (0.7, 0.2), (0.8, 0.1))
)
"""In which epochs are compared while no blend has been chosen yet; corpora differ in how much of a rewrite helps."""
VALIDATION_SHARE = 0.1
"""Share of the log's needs kept back."""
LATER_SHARE = 0.5
"""Later queries of sessions used at most, as a share of the number of first queries. They are many, much alike, and
less often real: a blend chosen on all of them is too cautious for the first."""


def wanted_queries(opened: OpenedCollection, sessions: tuple[Session, ...]) -> list[JudgedQuery]:
    """Inputs with the grades of simulated users' topics, or with clicks where no session names a topic."""
    return simulated_queries(sessions, opened.collection.all_topics) or clicked_queries(sessions)


def held_out_queries(opened: OpenedCollection, sessions: tuple[Session, ...]) -> list[JudgedQuery]:
    """Inputs with the grades of simulated users' topics, or with clicks per look where no session names a topic."""
    return simulated_queries(sessions, opened.collection.all_topics) or rated_queries(sessions)


def open_validation(
    opened: OpenedCollection,
    queries: Sequence[JudgedQuery],
    scorer: CorpusScorer,
    language: Language,
    harm_limit: float | None = None,
) -> ValidationSet:
    """The validation set of held-out queries. Raises DataError when none of them has a relevant document."""
    relevant = [query for query in queries if query.relevance]
    mixed = mostly_first(relevant, LATER_SHARE, rounding=math.ceil)
    validation = validation_set(opened, mixed, scorer, language, harm_limit)
    if not len(validation):
        raise DataError("The log holds no query to validate on besides those to train on; log sessions of more needs")
    return validation


def validation_set(
    opened: OpenedCollection,
    queries: Sequence[JudgedQuery],
    scorer: CorpusScorer,
    language: Language,
    harm_limit: float | None = None,
    limit: int | None = None,
) -> ValidationSet:
    """The queries with a relevant document, first queries of sessions before later ones, at most `limit` of them, or
    as many as the language allows. Unknown words are corrected if the original queries then have the better mean."""
    ordered = sorted(queries, key=lambda query: len(query.request.history))
    chosen = [query for query in ordered if query.relevance][: language.validation_limit if limit is None else limit]
    prompts = [language.prompt(query.request, opened.spelling) for query in chosen]
    plain, corrected = (
        ValidationSet(
            scorer,
            prompts,
            [training_query(query, spelling) for query in chosen],
            corrections=spelling is not None,
            harm_limit=harm_limit,
        )
        for spelling in (None, opened.spelling)
    )
    return plain if plain.original_ndcg > corrected.original_ndcg else corrected


def sharpened_score(validation: ValidationSet, read: NextTermLogits, *blends: BlendSettings) -> float:
    """nDCG@10 on the validation queries in the best of some blends, at the best sharpness of the grid."""
    sharpened = [replace(blend, sharpness=sharpness) for sharpness in GRID_SHARPNESS for blend in blends]
    return validation.best_score(read, sharpened)


def never_worse(validation: ValidationSet, read: NextTermLogits, blend: BlendSettings) -> BlendChoice:
    """The blend chosen anew, or the earlier one where the grid finds nothing better."""
    choice = validation.choose_blend(read)
    ungated = replace(blend, min_confidence=0.0)  # the gate was set for another model's confidences
    earlier = validation.score(read, ungated)
    return choice if choice.ndcg >= earlier else BlendChoice(ungated, earlier, choice.original_ndcg)
