"""Bundles of several models: a served one, its twin, and the untrained rewriter beside it. No torch."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from untilclick.rewriter.judging.evidence import Evidence
from untilclick.rewriter.judging.gate import Use
from untilclick.rewriter.serving.bundle import (
    ENCODER_FOLDER,
    TWIN_FOLDER,
    UNTRAINED_FOLDER,
    BundleManifest,
    bundle_version,
    checksums,
    format_of,
    read_manifest,
    write_manifest,
)
from untilclick.rewriter.serving.card import CARD_FILE, card_of
from untilclick.rewriter.serving.scope import SCOPE_FILE, Scope
from untilclick.search.errors import ModelError
from untilclick.search.files.whole_files import whole_folder


@dataclass(frozen=True)
class Parts:
    """What a bundle has besides its model."""

    use: Use = Use.LEARNED
    """What of it answers."""
    evidence: Evidence | None = None
    """What held-out needs say of it."""
    asked: bool = False
    """Whether an operator asked for this use against the gate."""
    twin: Path | None = None
    """The bundle of its twin."""
    untrained: Path | None = None
    """The bundle of the untrained rewriter; needed by the uses with a scope, and left out by all others."""
    scope: Scope | None = None
    """The queries that the learned model answers; as `untrained`."""


def compose_bundle(model: Path, parts: Parts, target: Path) -> BundleManifest:
    """Copy the bundle `model` to the folder `target`, with its parts; returns the manifest, whose version is new if
    the files are. `target` is replaced as a whole and may be `model` itself.

    Raises ModelError for a bundle that cannot be read, a part that the use lacks, and an untrained rewriter of other
    documents or another analysis.
    """
    manifest = read_manifest(model)
    with whole_folder(target) as new:
        shutil.copytree(model, new, dirs_exist_ok=True)
        for nested in (TWIN_FOLDER, UNTRAINED_FOLDER):
            shutil.rmtree(new / nested, ignore_errors=True)
        (new / SCOPE_FILE).unlink(missing_ok=True)
        if parts.twin is not None:
            _add(parts.twin, new / TWIN_FOLDER)
        if parts.use.is_scoped:
            _add_untrained(manifest, parts, new)
        manifest = replace(
            manifest,
            format=format_of(manifest.kind, parts.use, reads_more=manifest.reads_more),
            use=parts.use,
            evidence=parts.evidence,
            asked=parts.asked,
        )
        finish_bundle(manifest, new)
    return read_manifest(target)


def finish_bundle(manifest: BundleManifest, folder: Path) -> None:
    """Write the card and the manifest of a folder that holds everything else, with its checksums and its version."""
    (folder / CARD_FILE).write_text(card_of(manifest), encoding="utf-8")
    sums = checksums(folder)
    version = bundle_version(sums, manifest.blend, manifest.blends)
    write_manifest(replace(manifest, version=version, checksums=sums), folder)


def _add(bundle: Path, folder: Path) -> BundleManifest:
    """Copy a bundle to a folder of another; returns its manifest."""
    manifest, outer = read_manifest(bundle), folder.parent / ENCODER_FOLDER
    shutil.copytree(bundle, folder)
    if manifest.encoder is not None and outer.is_dir() and checksums(outer) == checksums(folder / ENCODER_FOLDER):
        shutil.rmtree(folder / ENCODER_FOLDER)
    return manifest


def _add_untrained(learned: BundleManifest, parts: Parts, new: Path) -> None:
    """Add the untrained rewriter and the scope of the learned one."""
    if parts.untrained is None or parts.scope is None:
        raise ModelError("A bundle that serves some queries alone needs the untrained rewriter and a scope")
    untrained = _add(parts.untrained, new / UNTRAINED_FOLDER)
    for name, of_learned, of_untrained in (
        ("documents", learned.fingerprint, untrained.fingerprint),
        ("analysis", learned.analysis, untrained.analysis),
    ):
        if of_learned != of_untrained:
            raise ModelError(
                f"{parts.untrained} has other {name} ({of_untrained}) than the learned model ({of_learned})"
            )
    parts.scope.save(new)
