"""A trained model as a bundle, the form in which it is served: the work of `untilclick export`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from untilclick.app.loop.torch_setup import set_up_torch
from untilclick.app.versions.store import ModelStore
from untilclick.rewriter.proof.bundle import export_run
from untilclick.rewriter.serving.bundle import BundleManifest, read_manifest
from untilclick.rewriter.stages import export
from untilclick.rewriter.stages.export import Quantization
from untilclick.rewriter.stages.record import latest_stage, read_stage


@dataclass(frozen=True)
class ExportTarget:
    """Where a bundle goes: into a folder, into a service's folder of versions, or into both."""

    out: Path | None
    models: Path | None


@dataclass(frozen=True)
class Exported:
    """A bundle that was written."""

    folder: Path
    """The bundle; its copy in the folder of versions if there is one."""
    stage: str
    """Training stage of its model."""
    manifest: BundleManifest


def export_model(
    model: Path, target: ExportTarget, quantization: Quantization, data: str | None, *, anyway: bool = False
) -> Exported:
    """Export the last stage of a run folder, or one stage.

    `data` names the documents if they are no longer where the stage found them; `anyway` exports also what no
    held-out needs speak for. Raises UntilclickError for what the gate does not let through, ModelError for a folder
    without a model and for a model of other documents.
    """
    set_up_torch()
    folder = latest_stage(model)
    record = read_stage(folder)
    with TemporaryDirectory() as temporary:
        bundle = target.out or Path(temporary) / "bundle"
        export_run(export.ExportConfig(folder, bundle, quantization, data), anyway=anyway)
        manifest = read_manifest(bundle)
        if target.models is not None:
            store = ModelStore(target.models)
            bundle = store.folder_of(store.add(bundle))
    return Exported(bundle, record.stage, manifest)
