"""Trained model folders as systems of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from untilclick.rewriter.caution import Caution
from untilclick.rewriter.evaluation.system_names import DOCUMENTS_ALONE, WORDS_ALONE
from untilclick.rewriter.evaluation.systems import RewriterSystem, System
from untilclick.rewriter.readings import Readings
from untilclick.rewriter.stages.reader import stage_rewriter
from untilclick.rewriter.stages.record import BASE, FINAL, MEAN, OFFLINE, PPO, STAGE_FILE, WARM_START, read_stage
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.errors import ModelError


@dataclass(frozen=True)
class TrainedSystems:
    """A `SystemFactory`: `warm_start`, `offline`, `ppo` and `mean`, each with the blend that its training chose, and
    `final`, which is served, with the `base` that it has to beat."""

    folders: Mapping[str, Path]
    """System name -> stage folder."""
    caution: Caution | None = None
    """How much harm the rewrites may do for their gain; None: as each training was told."""

    @classmethod
    def of(cls, model: Path, caution: Caution | None = None) -> TrainedSystems:
        """The stages of a run folder, or the one stage whose folder `model` is. Raises ModelError if there is
        none."""
        if (model / STAGE_FILE).is_file():
            return cls({read_stage(model).stage: model}, caution)
        stages = [WARM_START, OFFLINE, PPO, MEAN]
        if (model / FINAL / STAGE_FILE).is_file():
            stages = [BASE, *stages, FINAL]
        folders = {name: model / name for name in stages if (model / name / STAGE_FILE).is_file()}
        if not folders:
            raise ModelError(f"{model} holds no trained model; run `untilclick train` or `untilclick demo` first")
        return cls(folders, caution)

    @property
    def metrics(self) -> Path | None:
        """The metrics file of the PPO run; None if PPO is not among the systems."""
        folder = self.folders.get(PPO)
        return None if folder is None else folder.parent / f"{PPO}.log" / "metrics.jsonl"

    def __call__(self, opened: OpenedCollection) -> Mapping[str, System]:
        """Load every model; the last one also with each of its readings alone, if it has two. Raises ModelError for a
        model that was trained on other documents."""
        systems: dict[str, System] = {}
        for name, folder in self.folders.items():
            system = systems[name] = _system(folder, opened, self.caution)
        if self.folders and read_stage(folder).blend_for(self.caution).mixture is not None:
            systems[WORDS_ALONE] = replace(system, readings=Readings.WORDS)
            systems[DOCUMENTS_ALONE] = replace(system, readings=Readings.DOCUMENTS)
        return systems


def _system(folder: Path, opened: OpenedCollection, caution: Caution | None) -> RewriterSystem:
    record, corpus = read_stage(folder), opened.collection.corpus
    if record.fingerprint != corpus.fingerprint:
        raise ModelError(
            f"{folder} was trained on other documents ({record.data}) than {corpus.source}; "
            "train it on these, or evaluate it on those"
        )
    return RewriterSystem(stage_rewriter(folder, opened, record.blend_for(caution)))
