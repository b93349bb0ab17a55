"""Opens an encoder by name: `open_encoder("auto" | "minilm" | "static" | "none" | folder | hub id)`.

A sentence-transformers model is converted once and then read from the cache, without torch. The conversion needs
torch and is passed in (`untilclick.rewriter.policy.encoders.conversion.convert_encoder`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock

from untilclick.search.errors import MissingDependencyError, ModelError
from untilclick.search.files.cache_folder import cache_directory
from untilclick.search.files.whole_files import whole_folder
from untilclick.search.text.encoders import minilm
from untilclick.search.text.encoders.ctranslate2_encoder import CTranslate2Encoder
from untilclick.search.text.encoders.encoder import Encoder
from untilclick.search.text.encoders.encoder_folder import Quantization, is_encoder_folder
from untilclick.search.text.encoders.hub import hub_folder
from untilclick.search.text.encoders.sources import EncoderSource, source_in
from untilclick.search.text.encoders.static_vectors import StaticEncoder

AUTO, MINILM, STATIC, NONE = "auto", "minilm", "static", "none"

ENCODER_NAMES = (AUTO, MINILM, STATIC, NONE)
"""Names of encoders; any other name is a folder or a hub id."""

CONVERSION_VERSION = 1
"""Version of the conversion, part of the name of a converted folder. Raise it when converted files change."""

Converter = Callable[[EncoderSource, Path, Quantization], None]
"""Writes the encoder folder of a model into an existing folder."""

WITHOUT_ENCODER = (
    "No sentence encoder is installed, so documents that say in other words what was asked are not found by meaning. "
    "Install one with: pip install 'untilclick[minilm]'"
)

_FOLDER = "encoders"
"""Folder of the cache."""

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)


class OpenedEncoder(NamedTuple):
    """An encoder, or a sentence that says why there is none."""

    encoder: Encoder | None
    note: str | None = None
    """What is lost without one, and how to get it; None if there is an encoder or none was asked for."""


def open_encoder(
    name: str = AUTO,
    convert: Converter | None = None,
    *,
    quantization: Quantization = "int8",
    cache: Path | None = None,
) -> OpenedEncoder:
    """The encoder of a name.

    `auto` is all-MiniLM-L6-v2 if it is in the cache, on the hub or in an installed package, else none; `minilm` is
    the same model, and an error without it. `static` are word vectors. A folder holds a converted encoder or a
    sentence-transformers model. `convert` None reads what was converted before. `cache` is the directory of converted
    encoders; None means that of `cache_directory`.

    Raises ModelError for a name, a folder or weights that are not an encoder's, and MissingDependencyError for
    packages that are not installed.
    """
    cache = cache or cache_directory(os.environ)
    if name == NONE:
        return OpenedEncoder(None)
    if name == STATIC:
        return OpenedEncoder(StaticEncoder.open())
    if name == AUTO:
        try:
            return OpenedEncoder(_minilm(convert, quantization, cache))
        except MissingDependencyError:
            return OpenedEncoder(None, WITHOUT_ENCODER)
    if name == MINILM:
        return OpenedEncoder(_minilm(convert, quantization, cache))
    folder = Path(name)
    if is_encoder_folder(folder):
        return OpenedEncoder(CTranslate2Encoder(folder))
    return OpenedEncoder(_converted(_source(name, folder), convert, quantization, cache))


def _source(name: str, folder: Path) -> EncoderSource:
    """The model that is neither converted nor has a name of its own."""
    if folder.is_dir():
        return source_in(folder, folder.resolve().name)
    if _HUB_ID.fullmatch(name):
        return source_in(hub_folder(name), name)
    names = ", ".join(ENCODER_NAMES)
    raise ModelError(f"{name} is not an encoder; use {names}, a folder, or a hub id such as intfloat/e5-small-v2")


def _minilm(convert: Converter | None, quantization: Quantization, cache: Path) -> Encoder:
    """all-MiniLM-L6-v2. Once it is converted, neither the hub nor the package is needed."""
    folder = _place(cache, minilm.NAME, minilm.WEIGHTS_SHA256, quantization)
    if is_encoder_folder(folder):
        return CTranslate2Encoder(folder)
    return _converted(minilm.find_minilm(), convert, quantization, cache)


def _converted(
    source: EncoderSource, convert: Converter | None, quantization: Quantization, cache: Path
) -> CTranslate2Encoder:
    """The model from the cache; it is converted first if it is not there."""
    folder = _place(cache, source.name, source.digest, quantization)
    if not is_encoder_folder(folder):
        if convert is None:
            raise MissingDependencyError.of("sentence-transformers", "encoders")
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(folder.with_name(f"{folder.name}.lock")):
                if not is_encoder_folder(folder):  # another process may have been faster
                    with whole_folder(folder) as new:
                        convert(source, new, quantization)
        except OSError as error:
            problem = f"The encoder cannot be written to {folder} ({error.strerror or error})"
            raise ModelError(f"{problem}; set UNTILCLICK_CACHE to a folder that can be written") from error
    return CTranslate2Encoder(folder)


def converted_folders(cache: Path) -> list[Path]:
    """The folders of the encoders that were converted into a cache."""
    return sorted(path for path in (cache / _FOLDER).glob("*") if is_encoder_folder(path))


def _place(cache: Path, name: str, digest: str, quantization: Quantization) -> Path:
    """The folder of a converted model, whose name has everything that decides its content."""
    plain = re.sub(r"[^\w.-]+", "-", name, flags=re.ASCII)
    return cache / _FOLDER / f"{plain}-{quantization}-{CONVERSION_VERSION}-{digest[:16]}"
