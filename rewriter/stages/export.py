"""Stage `export`: turns a trained model folder into a bundle, which is served without torch."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np

from untilclick.rewriter.language.language import Language
from untilclick.rewriter.language.log_space import TINY
from untilclick.rewriter.policy.memory.document_memory import DocumentMemory
from untilclick.rewriter.policy.models import open_rewriter
from untilclick.rewriter.policy.t5_folder import without_progress_bars
from untilclick.rewriter.serving.bundle import (
    FORMATS,
    MEMBERS_FOLDER,
    MEMORY_FILE,
    MODEL_FOLDER,
    SPELLING_FILE,
    TOKENIZER_FILE,
    BundleManifest,
    Kind,
    bundle_version,
    checksums,
    read_manifest,
    write_manifest,
)
from untilclick.rewriter.serving.memory_reader import MemoryReader
from untilclick.rewriter.stages.record import StageRecord, latest_stage, member_folders, read_stage
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.errors import ModelError
from untilclick.search.files.whole_files import whole_folder

Quantization = Literal["int8", "float32"]


@dataclass(frozen=True)
class ExportConfig:
    """Which model is exported, and where to."""

    model: Path
    """A run folder, whose last stage is exported, or the folder of one stage."""
    bundle: Path
    """Folder to write; it is replaced as a whole."""
    quantization: Quantization = "int8"
    """`int8` has a quarter of the size and is faster; its memory is float16. `float32` keeps the trained weights."""
    data: str | None = None
    """Source of the documents that the model was trained on. None: the source of the training."""


def main(config: ExportConfig, opened: OpenedCollection | None = None) -> Path:
    """Write the bundle and check it by reading it back; returns its folder. Give `opened` if the documents are open
    already. Raises ModelError if there is no trained model, or if it was trained on other documents."""
    folder = latest_stage(config.model)
    record = read_stage(folder)
    spelling = (opened or _opened(config.data or record.data, record)).spelling
    with whole_folder(config.bundle) as new:
        members = member_folders(folder)
        for member in members:
            _write_model(member, new / MEMBERS_FOLDER / member.name, config.quantization)
        language = open_rewriter(members[0]).language if members else _write_model(folder, new, config.quantization)
        language.vocabulary.save(new)
        language.save_settings(new)
        spelling.save(new / SPELLING_FILE)
        shutil.copyfile((members or [folder])[0] / TOKENIZER_FILE, new / TOKENIZER_FILE)
        sums = checksums(new)
        manifest = BundleManifest(
            version=bundle_version(sums, record.blend, record.blends),
            blend=record.blend,
            blends=record.blends,
            data=record.data,
            fingerprint=record.fingerprint,
            quantization=config.quantization,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            figures=record.figures,
            checksums=sums,
        )
        kind: Kind = "mean" if members else language.kind
        manifest = replace(
            manifest,
            kind=kind,
            format=FORMATS[kind],
            prompt_version=record.prompt_version,
            analysis=record.analysis,
        )
        write_manifest(manifest, new)
    read_manifest(config.bundle)
    return config.bundle


def _opened(data: str, record: StageRecord) -> OpenedCollection:
    """The documents of a source. Raises ModelError if their fingerprint is not that of the record."""
    opened = OpenedCollection.load(data, analysis=record.analysis)
    present = opened.collection.corpus.fingerprint
    if present != record.fingerprint:
        raise ModelError(
            f"{data} holds other documents ({present}) than the model was trained on ({record.fingerprint}); "
            "name those with --data, or train again"
        )
    return opened


def _write_model(folder: Path, new: Path, quantization: Quantization) -> Language:
    """Write weights and memory of one model into a folder of the bundle; returns the model's language."""
    from ctranslate2.converters import TransformersConverter

    model = open_rewriter(folder)
    new.mkdir(parents=True, exist_ok=True)
    if (memory := model.policy.memory) is not None:
        memory_reader(memory, encoded).save(new / MEMORY_FILE, half=quantization == "int8")
    with TemporaryDirectory() as plain, without_progress_bars():
        model.save_for_conversion(Path(plain))
        converter = TransformersConverter(plain)
        converter.convert(str(new / MODEL_FOLDER), quantization=quantization if quantization == "int8" else None)
    return model.language
