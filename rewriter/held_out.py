"""The part of a log that is kept back: what a stage stops by, and what its blend is chosen on.

Every stage that reads a log keeps back the same needs, so that none of them is chosen on what an earlier one learned
from. How a policy is scored there is `validation.py`'s; how sessions are parted is `training_data.py`'s.
"""

from __future__ import annotations

import math
from dataclasses import replace

from untilclick.rewriter.blend import BlendSettings
from untilclick.rewriter.click_rates import rated_queries
from untilclick.rewriter.language import Language, SubwordLanguage
from untilclick.rewriter.scorer import CorpusScorer
from untilclick.rewriter.term_rewriter import NextTermLogits
from untilclick.rewriter.training_data import LoggedQuery, clicked_queries, mostly_first, simulated_queries
from untilclick.rewriter.validation import GRID_SHARPNESS, BlendChoice, ValidationSet
from untilclick.rewriter.workbench import Workbench
from untilclick.search.errors import DataError
from untilclick.search.records import Session

TRIAL_BLENDS = tuple(
    BlendSettings(original=original, feedback=0.1, rewrite=rewrite, expansion_terms=60)
    for original, rewrite in ((0.3, 0.6), (0.5, 0.4), (0.7, 0.2), (0.8, 0.1))
)
"""In which epochs are compared while no blend has been chosen yet; corpora differ in how much of a rewrite helps."""
VALIDATION_SHARE = 0.1
"""Share of the log's needs kept back."""
MAX_VALIDATION_QUERIES = 1500
"""With 400 the blend chosen was one of chance."""
MAX_SUBWORD_QUERIES = 300
"""The same for a subword T5, which takes a hundred times as long to read one."""
LATER_SHARE = 0.5
"""Later queries of sessions used at most, as a share of the number of first queries. They are many, much alike, and
less often real: a blend chosen on all of them is too cautious for the first."""


def wanted_queries(bench: Workbench, sessions: tuple[Session, ...]) -> list[LoggedQuery]:
    """Inputs with the grades of simulated users' topics, or with clicks where no session names a topic."""
    return simulated_queries(sessions, bench.collection.all_topics) or clicked_queries(sessions)


def held_out_queries(bench: Workbench, sessions: tuple[Session, ...]) -> list[LoggedQuery]:
    """Inputs with the grades of simulated users' topics, or with clicks per look where no session names a topic."""
    return simulated_queries(sessions, bench.collection.all_topics) or rated_queries(sessions)


def open_validation(
    bench: Workbench,
    sessions: tuple[Session, ...],
    scorer: CorpusScorer,
    language: Language,
    harm_limit: float | None = None,
) -> ValidationSet:
    """The validation queries of the sessions kept back. Raises DataError when there are none."""
    queries = [one for one in held_out_queries(bench, sessions) if one.relevance]
    mixed = mostly_first(queries, LATER_SHARE, rounding=math.ceil)
    most = MAX_SUBWORD_QUERIES if isinstance(language, SubwordLanguage) else MAX_VALIDATION_QUERIES
    validation = bench.validation_set(mixed, scorer, language, most, harm_limit)
    if not len(validation):
        raise DataError("The log holds no query to validate on besides those to train on; log sessions of more needs")
    return validation


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
