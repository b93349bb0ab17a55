"""Stage `export`: a trained model folder becomes a bundle that is served without torch."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from rewriter.bundle import (
    MODEL_FOLDER,
    SPELLING_FILE,
    BundleManifest,
    bundle_version,
    checksums,
    read_manifest,
    write_manifest,
)
from rewriter.checkpoint import atomic_folder, without_progress_bars
from rewriter.stage_record import latest_stage, read_stage
from rewriter.vocabulary import TermVocabulary
from search.spelling import SpellingCorrector


@dataclass(frozen=True)
class ExportConfig:
    """What is exported where."""

    model: Path
    """A run folder (its last stage is taken) or one stage's folder."""
    bundle: Path
    """Folder to write; replaced as a whole."""
    quantization: Literal["int8", "float32"] = "int8"
    """int8 is a quarter of the size and the faster; float32 equals the trained weights."""


def main(config: ExportConfig, spelling: SpellingCorrector) -> Path:
    """Write the bundle and check it by reading it back. Raises ModelError when the model is not trained."""
    from ctranslate2.converters import TransformersConverter

    folder = latest_stage(config.model)
    record = read_stage(folder)
    with atomic_folder(config.bundle) as new:
        TermVocabulary.load(folder).save(new)
        spelling.save(new / SPELLING_FILE)
        shutil.copyfile(folder / "tokenizer.json", new / "tokenizer.json")
        quantization = config.quantization if config.quantization == "int8" else None
        with without_progress_bars():
            TransformersConverter(str(folder)).convert(str(new / MODEL_FOLDER), quantization=quantization)
        sums = checksums(new)
        manifest = BundleManifest(
            version=bundle_version(sums, record.blend),
            blend=record.blend,
            data=record.data,
            fingerprint=record.fingerprint,
            quantization=config.quantization,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            figures=record.figures,
            checksums=sums,
        )
        write_manifest(replace(manifest, prompt_version=record.prompt_version), new)
    read_manifest(config.bundle)
    return config.bundle
