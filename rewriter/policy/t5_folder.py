"""Model folders of a policy over index terms: written by training, read by later stages, evaluation and export.

    model.safetensors config.json generation_config.json   plain T5 keys: `T5ForConditionalGeneration.from_pretrained`
    tokenizer.json tokenizer_config.json                   the term vocabulary as a word-level tokenizer
    vocabulary.json                                        terms, readable words, document frequencies
    value_head.safetensors policy.json                     value head; decoding
    memory.safetensors                                     the memory of documents, if the policy has one
    encoder.json                                           which sentence encoder the memory needs, if it needs one

The folders of stages appear whole or not at all, see `untilclick.search.files.whole_files.whole_folder`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, T5ForConditionalGeneration
from transformers.utils import logging

from untilclick.rewriter.config import TermDecoding
from untilclick.rewriter.language.sentence_vectors import SentenceVectors
from untilclick.rewriter.language.vocabulary import SPECIAL_TOKENS, TermVocabulary
from untilclick.rewriter.policy.memory.memory_file import MEMORY_FILE, load_memory, save_memory
from untilclick.rewriter.policy.t5 import T5Policy
from untilclick.search.errors import ModelError
from untilclick.search.files.json_records import read_record
from untilclick.search.files.whole_files import write_whole
from untilclick.search.text.encoders.encoder import Encoder
from untilclick.search.text.encoders.recorded import EncoderRecord

_POLICY_FILE = "policy.json"
_VALUE_FILE = "value_head.safetensors"
_ENCODER_FILE = "encoder.json"


@dataclass(frozen=True)
class _DecodingSettings:
    """The content of `policy.json`."""

    decoding: TermDecoding
    candidates: int


def word_level_tokenizer(tokens: Sequence[str]) -> PreTrainedTokenizerFast:
    """A tokenizer whose tokens, special ones first, are separated by spaces."""
    pad, eos, sep, unk, alt = SPECIAL_TOKENS
    tokenizer = Tokenizer(models.WordLevel({token: i for i, token in enumerate(tokens)}, unk_token=unk))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        pad_token=pad,
        eos_token=eos,
        sep_token=sep,
        unk_token=unk,
        additional_special_tokens=[alt],
    )


def save_policy(policy: T5Policy, vocabulary: TermVocabulary, folder: Path) -> None:
    """Write model, tokenizer, vocabulary and value head into an existing folder."""
    policy.t5.save_pretrained(folder)
    word_level_tokenizer(vocabulary.tokens).save_pretrained(folder)
    vocabulary.save(folder)
    save_value_head(policy, folder)
    if policy.memory is not None:
        save_memory(policy.memory, folder / MEMORY_FILE)
    if policy.sentences is not None:
        write_whole(folder / _ENCODER_FILE, json.dumps(asdict(EncoderRecord.of(policy.sentences.encoder))))
    settings = {"decoding": policy.decoding, "candidates": policy.candidates}
    write_whole(folder / _POLICY_FILE, json.dumps(settings))


def save_with_states(policy: T5Policy, vocabulary: TermVocabulary, folder: Path) -> int:
    """Write T5 and tokenizer into an existing folder, for a runtime that returns logits only; returns the number of
    logits. If the policy has a memory, the T5 gets one more token for each dimension of its states, whose logit is
    the value in that dimension. Outside words, which have no logit, follow. The policy cannot be used afterwards."""
    size, width = policy.vocabulary_size, policy.t5.config.d_model if policy.memory is not None else 0
    states = [f"<state_{i}>" for i in range(width)]
    if width:
        outside = policy.t5.shared.weight[size:].clone()  # (n, d)
        policy.t5.resize_token_embeddings(size + width + len(outside), mean_resizing=False)
        with torch.no_grad():
            # (d, d) rows that select one dimension each; the output layer divides states by sqrt(d).
            policy.t5.shared.weight[size : size + width] = torch.eye(width) * width**0.5
            policy.t5.shared.weight[size + width :] = outside
    policy.t5.save_pretrained(folder)
    tokens = vocabulary.tokens
    word_level_tokenizer((*tokens[:size], *states, *tokens[size:])).save_pretrained(folder)
    return size + width


def recorded_encoder(folder: Path) -> EncoderRecord | None:
    """The encoder that the model of a folder needs; None if it reads no meaning. Raises ModelError for a damaged
    file."""
    path = folder / _ENCODER_FILE
    try:
        return read_record(EncoderRecord, path) if path.is_file() else None
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read ({error}); train the model again") from error


def load_policy(folder: Path, encoder: Encoder | None = None) -> tuple[T5Policy, TermVocabulary]:
    """Read a folder that `save_policy` wrote, in evaluation mode. `encoder` encodes the queries of a policy that
    reads meaning; None opens the one that the folder names. Raises ModelError if it is not such a folder or its parts
    do not fit together, and for an encoder that is another one or cannot be opened."""
    try:
        settings = read_record(_DecodingSettings, folder / _POLICY_FILE, ignore_unknown=True)
        vocabulary = TermVocabulary.load(folder)
        n_outside = len(vocabulary.outside)
        policy = T5Policy(load_t5(folder), settings.decoding, settings.candidates, n_outside=n_outside)
        policy.value_head.load_state_dict(load_file(folder / _VALUE_FILE))
        if (folder / MEMORY_FILE).is_file():
            policy.memory = load_memory(folder / MEMORY_FILE)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise ModelError(
            f"{folder} is not a model folder of this package ({error}); train the model again"
        ) from error
    if len(vocabulary) != policy.vocabulary_size:
        sizes = f"{len(vocabulary)} tokens, its model {policy.vocabulary_size}"
        raise ModelError(f"The vocabulary of {folder} has {sizes}; train the model again")
    if (record := recorded_encoder(folder)) is not None:
        policy.sentences = SentenceVectors.for_training(_encoder_of(record, encoder))
    policy.eval()
    return policy, vocabulary


def _encoder_of(record: EncoderRecord, encoder: Encoder | None) -> Encoder:
    """The given encoder if it is that of the record; without one, the encoder of the record."""
    if encoder is None:
        return record.open()
    record.check(encoder.card)
    return encoder


def is_term_model(folder: Path) -> bool:
    """True if the folder holds a policy over index terms."""
    return (folder / _POLICY_FILE).is_file()


@contextmanager
def without_progress_bars() -> Iterator[None]:
    """Turn the progress bars of transformers off for the block: models here load in milliseconds."""
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def load_t5(folder: Path) -> T5ForConditionalGeneration:
    """The T5 of a folder. Raises ModelError if it cannot be loaded or lacks a weight, which transformers alone would
    replace with random numbers."""
    try:
        with without_progress_bars():
            loaded: Any = T5ForConditionalGeneration.from_pretrained(folder, output_loading_info=True)  # Any: pair
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise ModelError(
            f"{folder} is not a T5 that can be loaded ({error}); check its name, or save the model again"
        ) from error
    missing = sorted(loaded[1]["missing_keys"])
    if missing:
        raise ModelError(f"{folder} lacks the weight {missing[0]}; save the model again")
    t5: T5ForConditionalGeneration = loaded[0]
    return t5


def save_value_head(policy: T5Policy, folder: Path) -> None:
    """Write the value head into the folder of a T5."""
    save_file({k: v.contiguous() for k, v in policy.value_head.state_dict().items()}, folder / _VALUE_FILE)


def load_value_head(policy: T5Policy, folder: Path) -> None:
    """Read the value head from the folder of a T5; without one there, the policy keeps its head."""
    if (folder / _VALUE_FILE).is_file():
        policy.value_head.load_state_dict(load_file(folder / _VALUE_FILE))
