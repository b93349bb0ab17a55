"""Stage `export`: turns a trained model folder into a bundle, which is served without torch."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from untilclick.rewriter.language.language import Language
from untilclick.rewriter.policy.models import open_rewriter
from untilclick.rewriter.policy.t5_folder import recorded_encoder, without_progress_bars
from untilclick.rewriter.serving.bundle import (
    ENCODER_FOLDER,
    MEMBERS_FOLDER,
    MEMORY_FILE,
    MODEL_FOLDER,
    PRIOR_FILE,
    SPELLING_FILE,
    TOKENIZER_FILE,
    BundleManifest,
    Kind,
    format_of,
    read_manifest,
)
from untilclick.rewriter.serving.composing import finish_bundle
from untilclick.rewriter.serving.readings.document_prior import prior_of
from untilclick.rewriter.stages.reader import memory_reader
from untilclick.rewriter.stages.record import StageRecord, encoder_of, latest_stage, member_folders, read_stage
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.errors import ModelError
from untilclick.search.files.whole_files import whole_folder
from untilclick.search.text.encoders.ctranslate2_encoder import CTranslate2Encoder
from untilclick.search.text.encoders.opened import WITHOUT_ENCODER
from untilclick.search.text.encoders.recorded import EncoderRecord

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
    opened = opened or _opened(config.data or record.data, record)
    members = member_folders(folder)
    needed = [name for member in members or [folder] if (name := recorded_encoder(member)) is not None]
    mixtures = [blend.mixture for blend in (record.blend, *record.blends.values()) if blend.mixture]
    encoder = carried_encoder(opened, needed) if needed or mixtures else None
    with whole_folder(config.bundle) as new:
        writer = partial(_write_model, opened=opened if encoder else None, quantization=config.quantization)
        for member in members:
            writer(member, new / MEMBERS_FOLDER / member.name)
        language = open_rewriter(members[0], encoder).language if members else writer(folder, new)
        if encoder is not None:
            shutil.copytree(encoder.folder, new / ENCODER_FOLDER)
        language.vocabulary.save(new)
        language.save_settings(new)
        opened.spelling.save(new / SPELLING_FILE)
        if any(mixture.prior for mixture in mixtures):
            prior_of(opened.collection.corpus).save(new / PRIOR_FILE)
        shutil.copyfile((members or [folder])[0] / TOKENIZER_FILE, new / TOKENIZER_FILE)
        manifest = BundleManifest(
            version="",
            blend=record.blend,
            blends=record.blends,
            data=record.data,
            fingerprint=record.fingerprint,
            quantization=config.quantization,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            figures=record.figures,
            checksums={},
        )
        kind: Kind = "mean" if members else language.kind
        n_outside = len(language.vocabulary.outside)
        manifest = replace(
            manifest,
            kind=kind,
            format=format_of(kind, reads_more=encoder is not None or n_outside > 0),
            encoder=encoder.card if encoder else None,
            outside_words=n_outside,
            prompt_version=record.prompt_version,
            analysis=record.analysis,
        )
        finish_bundle(manifest, new)
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


def carried_encoder(opened: OpenedCollection, needed: Sequence[EncoderRecord] = ()) -> CTranslate2Encoder:
    """The encoder of a collection whose documents are encoded, else the one that the models need. Raises ModelError
    without one, and for one that no bundle can carry."""
    encoder = encoder_of(opened)
    if encoder is None and needed:
        encoder = needed[0].open()
    if encoder is None:
        raise ModelError(f"The model was trained with a sentence encoder, and there is none. {WITHOUT_ENCODER}")
    if not isinstance(encoder, CTranslate2Encoder):
        raise ModelError(f"A bundle cannot carry {encoder.card.name}; train with another encoder, or with none")
    return encoder


def _write_model(folder: Path, new: Path, opened: OpenedCollection | None, quantization: Quantization) -> Language:
    """Write weights and memory of one model into a folder of the bundle, with the vectors of `opened`; returns the
    model's language."""
    from untilclick.rewriter.policy.conversion import convert

    model = open_rewriter(folder, None if opened is None else encoder_of(opened))
    new.mkdir(parents=True, exist_ok=True)
    if (memory := model.policy.memory) is not None:
        memory_reader(memory, opened).save(new / MEMORY_FILE, half=quantization == "int8")
    with TemporaryDirectory() as plain, without_progress_bars():
        n_logits = model.save_for_conversion(Path(plain))
        convert(Path(plain), n_logits, new / MODEL_FOLDER, quantization if quantization == "int8" else None)
    return model.language
