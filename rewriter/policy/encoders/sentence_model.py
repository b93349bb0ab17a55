"""Loading of sentence-transformers models with torch, and what of them can be served without it."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from untilclick.rewriter.policy.t5_folder import without_progress_bars
from untilclick.search.errors import MissingDependencyError, ModelError
from untilclick.search.text.encoders.encoder import Vectors
from untilclick.search.text.encoders.encoder_folder import EncoderSettings

ARCHITECTURES = ("Bert", "DistilBert", "Roberta", "XLMRoberta", "Camembert")
"""Architectures of encoders that CTranslate2 computes."""

SERVED = (
    f"A {', '.join(ARCHITECTURES[:-1])} or {ARCHITECTURES[-1]} can be served, followed by pooling of all tokens "
    "(mean) or the first (cls), and at most by normalisation"
)

_DOCUMENT_PROMPTS = ("document", "passage")
"""Names of the prompt before documents."""


class SentenceTransformer(Protocol):
    """The part of `sentence_transformers.SentenceTransformer`, an optional package, that is used."""

    prompts: dict[str, str]
    default_prompt_name: str | None
    max_seq_length: int | None
    tokenizer: PreTrainedTokenizerBase

    def __iter__(self) -> Iterator[Any]: ...  # Any: modules of many classes

    def eval(self) -> object:
        """Turn dropout off."""

    def encode(
        self, sentences: Sequence[str], *, prompt: str, normalize_embeddings: bool, show_progress_bar: bool
    ) -> Vectors:
        """(N, d) vectors."""


@dataclass(frozen=True)
class SentenceModel:
    """A sentence-transformers model that can be served."""

    model: SentenceTransformer
    transformer: PreTrainedModel
    """The model without pooling."""
    settings: EncoderSettings


def load_sentence_model(folder: Path) -> SentenceModel:
    """The model in a folder, on the CPU; code that the folder holds is not run.

    Raises MissingDependencyError if sentence-transformers is not installed, and ModelError if the folder cannot be
    loaded or is a model that cannot be served.
    """
    try:
        library = importlib.import_module("sentence_transformers")
    except ModuleNotFoundError:
        raise MissingDependencyError.of("sentence-transformers", "encoders") from None
    try:
        with without_progress_bars():
            loaded = library.SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, ImportError) as error:
        problem = str(error).strip().partition("\n")[0]
        raise ModelError(f"{folder} cannot be loaded by sentence-transformers ({problem})") from error
    model = cast(SentenceTransformer, loaded)
    model.eval()
    modules = list(model)
    _refuse_unserved(folder, modules)
    return SentenceModel(model, modules[0].auto_model, _settings(model, modules))


def _refuse_unserved(folder: Path, modules: list[Any]) -> None:
    """Raise ModelError for a model that cannot be served."""
    kinds = [type(module).__name__ for module in modules]
    if kinds not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
        raise ModelError(f"{folder} consists of {', '.join(kinds)}. {SERVED}")
    architecture = type(modules[0].auto_model.config).__name__.removesuffix("Config")
    if architecture not in ARCHITECTURES:
        raise ModelError(f"{folder} is a {architecture}. {SERVED}")
    pooling = modules[1]
    if pooling.pooling_mode not in ("mean", "cls") or not pooling.include_prompt:
        raise ModelError(f"{folder} pools by {pooling.pooling_mode}, or without its prompt. {SERVED}")


def _settings(model: SentenceTransformer, modules: list[Any]) -> EncoderSettings:
    """How the model reads texts and pools states."""
    prompts = model.prompts
    default = prompts.get(model.default_prompt_name or "", "")
    document = next((prompts[name] for name in _DOCUMENT_PROMPTS if prompts.get(name)), default)
    return EncoderSettings(
        pooling=modules[1].pooling_mode,
        max_tokens=int(model.max_seq_length or modules[0].auto_model.config.max_position_embeddings),
        query_prompt=prompts.get("query") or default,
        document_prompt=document,
    )
