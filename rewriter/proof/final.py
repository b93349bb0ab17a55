"""Stage `final`: what of a run may be exported.

The last stage is judged on needs that it has not learned from. If it passes the gate, it is refitted on the whole
log; else the base takes its place.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

from untilclick.rewriter.config import RunConfig
from untilclick.rewriter.data.log_sides import LogSides
from untilclick.rewriter.data.show import Parts, ShowProgress, silently
from untilclick.rewriter.judging.gate import Use, admitted
from untilclick.rewriter.judging.returning import Returning, returning_queries
from untilclick.rewriter.proof.contest import JudgingConfig
from untilclick.rewriter.proof.evidence import Before, check_split, find_evidence
from untilclick.rewriter.proof.learned_from import write_learned_from
from untilclick.rewriter.proof.plan import CHECK, planned, planned_for
from untilclick.rewriter.proof.refit import is_sound, refitted
from untilclick.rewriter.proof.retraining import judged_stage
from untilclick.rewriter.proof.returning import is_worth_learning, scope_of, taught
from untilclick.rewriter.serving.blend import RETURNING
from untilclick.rewriter.stages.input import LogInput, open_sources, sides_of
from untilclick.rewriter.stages.record import BASE, FINAL, Proof, copied_stage, read_stage
from untilclick.search.corpora.opened import OpenedCollection


@dataclass(frozen=True)
class FinalStage:
    """One run of the stage."""

    run: RunConfig
    judging: JudgingConfig = field(default_factory=JudgingConfig)
    asked: bool = False
    """Whether what was learned is to be used against the gate."""


def main(
    config: FinalStage,
    opened: OpenedCollection | None = None,
    log: LogInput | None = None,
    show: ShowProgress = silently,
    before: Before | None = None,
) -> Path:
    """Judge the last stage of a run, and write what the gate lets through into the folder `final` of the run, with
    the proof in its record; returns the folder. It holds the base if nothing learned passes. Give `opened` and `log`
    if they are open already, and `before` if a version that has learned answers now. `show` shows one progress over
    all parts.

    Raises ModelError for a run without a stage that learned from a log, or with one of an earlier version.
    """
    run = config.run
    twin = judged_stage(run.out)
    with open_sources(run, opened, log) as sources:
        opened, sides = sources.opened, sides_of(sources, read_stage(twin))
    check_split(twin, sides)
    shutil.rmtree(run.out / FINAL, ignore_errors=True)
    returning = returning_queries(sides.all, opened.analysis, run.split_key)
    with show("Proof") as units:
        learned = returning if is_worth_learning(returning, opened) else None
        parts = Parts(units, planned(run, sides, config.judging, learned, has_before=before is not None))
        evidence = find_evidence(run, opened, sides, config.judging, parts, before)
        admission = admitted(evidence, before.answering if before else None)
        asked = config.asked and admission.use is not Use.LEARNED
        proof = Proof(evidence, admission, twin.name, refitted=False, asked=asked)
        parts.replan(planned_for(proof.use, run))
        return _write(run, opened, sides, proof, returning, parts)


def _write(
    run: RunConfig, opened: OpenedCollection, sides: LogSides, proof: Proof, returning: Returning, show: ShowProgress
) -> Path:
    """Write the model of the use that a proof names."""
    target, twin = run.out / FINAL, run.out / proof.twin
    everything = sides.to_learn_from(sides.all)
    if proof.use in (Use.UNTRAINED, Use.NOTHING):
        with copied_stage(run.out / BASE, target, proof, sides.record):
            pass
    elif proof.use.is_scoped:
        with (
            taught(run, opened, everything, returning, show) as folder,
            copied_stage(folder, target, proof, sides.record, RETURNING) as new,
        ):
            words = proof.evidence.words if proof.use is Use.WORDS else None
            scope_of(returning, opened, words).save(new)
    else:
        with refitted(run, opened, everything, show) as folder:
            with show(CHECK):
                sound = folder != twin and is_sound(folder, twin, opened, sides)
            proof = replace(proof, refitted=sound)
            with copied_stage(folder if sound else twin, target, proof, sides.record) as new:
                write_learned_from(new, sides, run.split_key)
    return target
