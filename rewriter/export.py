"""Stage `export`: a trained model folder becomes a bundle that is served without torch."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np
import torch

from untilclick.rewriter.bundle import (
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
from untilclick.rewriter.checkpoint import atomic_folder, without_progress_bars, word_level_tokenizer
from untilclick.rewriter.document_memory import DocumentMemory
from untilclick.rewriter.language import Language, SubwordLanguage
from untilclick.rewriter.log_space import TINY
from untilclick.rewriter.memory_reader import MemoryReader
from untilclick.rewriter.model_folder import open_rewriter
from untilclick.rewriter.policy import T5Policy
from untilclick.rewriter.stage_record import latest_stage, member_folders, read_stage
from untilclick.rewriter.subword import plain_tokenizer
from untilclick.rewriter.vocabulary import TermVocabulary
from untilclick.search.spelling import SpellingCorrector

Quantization = Literal["int8", "float32"]


@dataclass(frozen=True)
class ExportConfig:
    """What is exported where."""

    model: Path
    """A run folder (its last stage is taken) or one stage's folder."""
    bundle: Path
    """Folder to write; replaced as a whole."""
    quantization: Quantization = "int8"
    """int8 is a quarter of the size and the faster, with a memory in float16; float32 equals the trained weights."""


def main(config: ExportConfig, spelling: SpellingCorrector) -> Path:
    """Write the bundle and check it by reading it back. Raises ModelError when the model is not trained."""
    folder = latest_stage(config.model)
    record = read_stage(folder)
    with atomic_folder(config.bundle) as new:
        members = member_folders(folder)
        for member in members:
            _write_model(member, new / MEMBERS_FOLDER / member.name, config.quantization)
        language = open_rewriter(members[0])[1] if members else _write_model(folder, new, config.quantization)
        language.vocabulary.save(new)
        if isinstance(language, SubwordLanguage):
            language.settings.save(new)
        spelling.save(new / SPELLING_FILE)
        shutil.copyfile((members or [folder])[0] / TOKENIZER_FILE, new / TOKENIZER_FILE)
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
        kind: Kind = "mean" if members else "subwords" if isinstance(language, SubwordLanguage) else "terms"
        manifest = replace(manifest, kind=kind, format=FORMATS[kind], prompt_version=record.prompt_version)
        write_manifest(manifest, new)
    read_manifest(config.bundle)
    return config.bundle


def _write_model(folder: Path, new: Path, quantization: Quantization) -> Language:
    """Write weights and memory of one model into a folder of the bundle; returns the model's language."""
    from ctranslate2.converters import TransformersConverter

    policy, language = open_rewriter(folder)
    new.mkdir(parents=True, exist_ok=True)
    if policy.memory is not None:
        _reader(policy.memory).save(new / MEMORY_FILE, half=quantization == "int8")
    with TemporaryDirectory() as plain, without_progress_bars():
        _write_plain(policy, language, Path(plain))
        converter = TransformersConverter(plain)
        converter.convert(str(new / MODEL_FOLDER), quantization=quantization if quantization == "int8" else None)
    return language


def _write_plain(policy: T5Policy, language: Language, plain: Path) -> None:
    """Write T5 and tokenizer into a folder for the converter."""
    if isinstance(language, SubwordLanguage):
        policy.t5.resize_token_embeddings(language.tokenizer.get_vocab_size())  # rows without a token are no answer
        policy.t5.save_pretrained(plain)
        plain_tokenizer(language).save_pretrained(plain)
    else:
        _write_terms(policy, language.vocabulary, plain)


def _write_terms(policy: T5Policy, vocabulary: TermVocabulary, plain: Path) -> None:
    """The same for a policy over terms. For a memory the T5 is given one token more for each
    dimension of its states, whose logit is that dimension."""
    tokenizer = word_level_tokenizer(vocabulary)
    if policy.memory is not None:
        width = policy.t5.config.d_model
        tokenizer.add_tokens([f"<state_{i}>" for i in range(width)])
        size = policy.vocabulary_size
        policy.t5.resize_token_embeddings(size + width, mean_resizing=False)
        with torch.no_grad():
            policy.t5.shared.weight[size:] = torch.eye(width) * width**0.5  # the output layer divides by sqrt(d)
    policy.t5.save_pretrained(plain)
    tokenizer.save_pretrained(plain)


def _reader(memory: DocumentMemory) -> MemoryReader:
    """The memory as arrays."""
    settings = memory.settings
    ids, weights, keys = (part.detach().numpy() for part in (memory.ids, memory.weights, memory.keys))
    unit = keys / np.maximum(np.linalg.norm(keys, axis=1, keepdims=True), TINY)
    return MemoryReader(ids, weights, unit, settings.sharpness, settings.share, settings.neighbours)
