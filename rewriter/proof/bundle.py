"""A run as a bundle, if the gate lets it through: what answers, with its twin and its evidence."""

from __future__ import annotations

import logging
import shutil
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from untilclick.rewriter.judging.gate import Use
from untilclick.rewriter.proof.learned_from import FILE as LEARNED_FROM
from untilclick.rewriter.serving.composing import Parts, compose_bundle
from untilclick.rewriter.serving.scope import Scope
from untilclick.rewriter.stages import export
from untilclick.rewriter.stages.export import ExportConfig
from untilclick.rewriter.stages.record import BASE, FINAL, latest_stage, read_proof, read_stage
from untilclick.search.analysis.by_name import analysis_by_name
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.errors import UntilclickError

logger = logging.getLogger(__name__)


def export_run(config: ExportConfig, opened: OpenedCollection | None = None, *, anyway: bool = False) -> Path:
    """Write the bundle of a run's last stage, or of one stage; returns its folder. Give `opened` if the documents are
    open already.

    Raises UntilclickError for a stage that has learned from a log and was not judged, unless `anyway`; ModelError if
    there is no trained model, or if it was trained on other documents. A run of an earlier version, which no needs
    can judge, is exported with a warning.
    """
    folder = latest_stage(config.model)
    record = read_stage(folder)
    stage = record.stage
    if stage not in (BASE, FINAL) and record.split is None:
        logger.warning(
            "%s was trained by an earlier version, and nothing shows that it is good for new needs", folder
        )
    elif stage not in (BASE, FINAL) and not anyway:
        raise UntilclickError(
            f"{folder} has learned from a log, and nothing shows that this is good for other needs. "
            "`untilclick train final` judges it and exports what passes; --anyway exports it as it is"
        )
    with TemporaryDirectory() as work:
        exporter = _Exporter(config, Path(work), opened)
        return exporter.final(folder, anyway=anyway) if stage == FINAL else exporter.stage(folder, stage)


class _Exporter:
    """Exports the parts of a bundle into a temporary folder, and puts them together."""

    def __init__(self, config: ExportConfig, work: Path, opened: OpenedCollection | None) -> None:
        self._config, self._work, self._opened = config, work, opened

    def stage(self, folder: Path, stage: str) -> Path:
        """The bundle of a stage that carries no evidence: of the base, or of what was asked for."""
        parts = Parts(Use.UNTRAINED) if stage == BASE else Parts(Use.LEARNED, asked=True)
        compose_bundle(self._model(folder), parts, self._config.bundle)
        return self._config.bundle

    def final(self, folder: Path, *, anyway: bool) -> Path:
        """The bundle of the stage `final`. Raises UntilclickError if nothing of it may answer, unless `anyway`."""
        record, proof = read_stage(folder), read_proof(folder)
        use, asked = proof.use, proof.asked
        if use is Use.NOTHING and not anyway:
            raise UntilclickError(
                f"{folder} may not be exported. {proof.admission.reason} --anyway exports the untrained rewriter"
            )
        if use is Use.NOTHING:
            use, asked = Use.UNTRAINED, True
        run = folder.parent
        parts = Parts(use, proof.evidence, asked)
        if use is Use.LEARNED:
            twin = self._model(run / proof.twin)
            shutil.copyfile(folder / LEARNED_FROM, twin / LEARNED_FROM)
            parts = replace(parts, twin=twin)
        if use.is_scoped:
            scope = Scope.load(folder, analysis_by_name(record.analysis))
            parts = replace(parts, untrained=self._model(run / BASE), scope=scope)
        compose_bundle(self._model(folder), parts, self._config.bundle)
        return self._config.bundle

    def _model(self, folder: Path) -> Path:
        """The plain bundle of a stage."""
        return export.main(replace(self._config, model=folder, bundle=self._work / folder.name), self._opened)
