"""The refit of a run: its last stage trained on the whole log, with the choices and the steps of the twin, which was
trained on a part of it.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from untilclick.rewriter.config import RunConfig
from untilclick.rewriter.data.corpus_scorer import CorpusScorer
from untilclick.rewriter.data.log_sides import LogSides
from untilclick.rewriter.data.show import ShowProgress, silently, steps
from untilclick.rewriter.proof.plan import part_of_refit
from untilclick.rewriter.proof.retraining import judged_stage, learned_stages, refit
from untilclick.rewriter.stages.reader import open_models, open_reader, read_by_meaning
from untilclick.rewriter.stages.record import BASE, FINAL, encoder_of, read_stage
from untilclick.rewriter.training.held_out import validation_set, wanted_queries
from untilclick.search.corpora.opened import OpenedCollection

MARGIN = 0.05
"""Share of its twin's nDCG@10 by which a refit may rank the twin's training queries worse. It has taken as many steps
on sessions of up to two fifths more needs, so that it fits each of them a little less: on NFCorpus by 2.4 and 2.7 %,
with a refit that gains .013 on other queries."""

logger = logging.getLogger(__name__)


@contextmanager
def refitted(
    run: RunConfig, opened: OpenedCollection, sides: LogSides, show: ShowProgress = silently
) -> Iterator[Path]:
    """A folder with the last stage of a run, refitted on the training sessions of `sides`, until the block ends; the
    stage itself if it cannot be refitted."""
    with empty_run(run) as work:
        folder = judged_stage(run.out)
        for stage in learned_stages(run.out):
            with show(part_of_refit(stage)) as update:
                folder = refit(stage, work, opened, sides, steps(update))
        yield folder


@contextmanager
def empty_run(run: RunConfig) -> Iterator[RunConfig]:
    """A run folder with the base of a run and nothing else, until the block ends."""
    work = run.out / f"{FINAL}.work"
    shutil.rmtree(work, ignore_errors=True)
    try:
        yield with_base_alone(run, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def with_base_alone(run: RunConfig, folder: Path) -> RunConfig:
    """Make a run folder that has the base of a run and nothing else."""
    folder.mkdir(parents=True)
    (folder / BASE).symlink_to((run.out / BASE).resolve())
    return replace(run, out=folder)


def is_sound(refit: Path, twin: Path, opened: OpenedCollection, sides: LogSides) -> bool:
    """Whether a refit ranks the documents of its twin's training queries as well as the twin does."""
    encoder = encoder_of(opened)
    model = open_models(twin, encoder)[0]
    scorer = CorpusScorer.of(opened, model.language.vocabulary)
    wanted = wanted_queries(opened, sides.training)
    queries = read_by_meaning(validation_set(opened, wanted, scorer, model.language), model, opened)
    own, of_twin = (
        queries.score(open_reader(each, encoder).logits, read_stage(each).blend) for each in (refit, twin)
    )
    if own >= (1.0 - MARGIN) * of_twin:
        return True
    logger.warning("The refit ranks training queries worse (%.4f) than its twin (%.4f) and is not used", own, of_twin)
    return False
