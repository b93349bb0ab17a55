"""Sentence-transformers models on disk, and what their authors say of them. They are converted before use.

The format is that of the library sentence-transformers (Reimers & Gurevych, "Sentence-BERT", EMNLP 2019): a
`modules.json` names the transformer, the pooling and what follows.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from untilclick.search.errors import MissingDependencyError, ModelError
from untilclick.search.text.encoders.encoder_folder import files_digest

MODULES_FILE = "modules.json"
README_FILE = "README.md"

SUFFIXES = frozenset({".json", ".safetensors", ".bin", ".txt", ".model"})
"""Suffixes of the files that decide a vector."""

NOT_STATED = "not stated"


@dataclass(frozen=True, slots=True)
class EncoderSource:
    """A sentence-transformers model in a folder."""

    folder: Path
    name: str
    digest: str
    """SHA-256, in hexadecimal, of what decides its vectors."""
    licence: str = NOT_STATED
    trained_on: tuple[str, ...] = ()
    """Names of data sets."""


def source_in(folder: Path, name: str, digest: str | None = None) -> EncoderSource:
    """The model in a folder, with the licence and the data sets that its model card names. `digest` stands for the
    files if it is known already. Raises ModelError if the folder has no sentence-transformers model."""
    if not (folder / MODULES_FILE).is_file():
        raise ModelError(
            f"{folder} is not a sentence encoder: it has no {MODULES_FILE}, which the library sentence-transformers "
            "writes. Give the folder of such a model, or one that was converted from it"
        )
    licence, trained_on = _model_card(folder / README_FILE)
    return EncoderSource(folder, name, digest or _digest(folder), licence, trained_on)


def package_folder(package: str, extra: str) -> Path:
    """The folder of an installed package that carries a model. The package is not imported: some import torch, or set
    up logging. Raises MissingDependencyError if it is not installed."""
    spec = find_spec(package)
    places = spec.submodule_search_locations if spec is not None else None
    if not places:
        raise MissingDependencyError.of(package.replace("_", "-"), extra)
    return Path(places[0])


def _digest(folder: Path) -> str:
    paths = sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES and path.is_file())
    return files_digest(folder, paths)


def _model_card(path: Path) -> tuple[str, tuple[str, ...]]:
    """Licence and training data as the head of a model card states them."""
    if not path.is_file():
        return NOT_STATED, ()
    from huggingface_hub import ModelCard  # noqa: PLC0415  takes half a second
    from yaml import YAMLError  # noqa: PLC0415

    try:
        data = ModelCard.load(path).data
    except (ValueError, YAMLError):  # the head of the card is broken
        return NOT_STATED, ()
    datasets = [data.datasets] if isinstance(data.datasets, str) else data.datasets or []
    return str(data.license or NOT_STATED), tuple(map(str, datasets))
