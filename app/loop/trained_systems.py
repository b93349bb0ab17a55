"""Trained model folders as systems of an evaluation. Torch is imported when one is built, not before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from untilclick.rewriter.evaluation.systems import RewriterSystem, System
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.errors import ModelError


@dataclass(frozen=True)
class TrainedSystems:
    """A `SystemFactory`: `warm_start`, `offline`, `ppo` and `mean`, each with the blend chosen for it in training."""

    folders: Mapping[str, Path]
    """System name -> stage folder."""

    @classmethod
    def of(cls, model: Path) -> TrainedSystems:
        """The stages of a run folder, or the one stage that `model` is. Raises ModelError when there is none."""
        from untilclick.rewriter.stages.record import MEAN, OFFLINE, PPO, STAGE_FILE, WARM_START, read_stage

        if (model / STAGE_FILE).is_file():
            return cls({read_stage(model).stage: model})
        stages = (WARM_START, OFFLINE, PPO, MEAN)
        found = {name: model / name for name in stages if (model / name / STAGE_FILE).is_file()}
        if not found:
            raise ModelError(f"{model} holds no trained model; run `untilclick train` or `untilclick demo` first")
        return cls(found)

    @property
    def metrics(self) -> Path | None:
        """The metrics of the PPO among them, None where there is none."""
        folder = self.folders.get("ppo")
        return None if folder is None else folder.parent / "ppo.log" / "metrics.jsonl"

    def __call__(self, opened: OpenedCollection) -> Mapping[str, System]:
        """Load every model. Raises ModelError for a model of other documents."""
        return {name: _system(folder, opened) for name, folder in self.folders.items()}


def _system(folder: Path, opened: OpenedCollection) -> System:
    from untilclick.rewriter.stages.reader import stage_rewriter
    from untilclick.rewriter.stages.record import read_stage

    record, corpus = read_stage(folder), opened.collection.corpus
    if record.fingerprint != corpus.fingerprint:
        raise ModelError(
            f"{folder} was trained on other documents ({record.data}) than {corpus.source}; "
            "train it on these, or evaluate it on those"
        )
    return RewriterSystem(stage_rewriter(folder, opened.spelling, opened.engine))
