"""A pretrained subword T5 as policy: any folder or hub name that transformers loads as a T5.

Its prompts and outputs are texts of its own tokenizer, and it generates token by token (`token_sampling.py`). A
stage's folder also holds the terms of the corpus (vocabulary.json) and the lengths of prompts and outputs
(subword.json).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer
from transformers import AutoTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from untilclick.rewriter.language.language import SubwordLanguage
from untilclick.rewriter.language.prompts import Prompt
from untilclick.rewriter.language.subword_settings import SubwordConfig
from untilclick.rewriter.language.vocabulary import EOS_ID, PAD_ID, TermVocabulary
from untilclick.rewriter.policy.t5 import T5Policy
from untilclick.rewriter.policy.t5_folder import load_t5, load_value_head, save_value_head
from untilclick.search.errors import ModelError

T5_TOKENS = (PAD_ID, EOS_ID, PAD_ID)
"""Token ids of padding, end and decoder start in every T5."""
UNKNOWN = "<unk>"
"""The unknown token of every T5."""
TOKENIZER_FILES = ("tokenizer.json", "spiece.model")
"""Files of a tokenizer; a folder needs one of them."""


@dataclass(frozen=True)
class SubwordVocabulary:
    """The subwords of a pretrained T5: its tokenizer."""

    tokenizer: PreTrainedTokenizerBase

    def __len__(self) -> int:
        """Number of token ids, added tokens included; a model's embedding may have more rows."""
        return len(self.tokenizer)

    def text(self, ids: Sequence[int]) -> str:
        """The text of token ids, without special tokens."""
        decoded = self.tokenizer.decode(list(ids), skip_special_tokens=True)
        assert isinstance(decoded, str)
        return decoded.strip()

    def prompt(self, text: str, max_length: int) -> Prompt:
        """The prompt of a text, cut off at `max_length` tokens, the end token included."""
        ids = self.tokenizer(text, add_special_tokens=False)["input_ids"][: max_length - 1]
        return Prompt((*ids, EOS_ID), ())

    def banned_ids(self, rows: int) -> tuple[int, ...]:
        """Token ids that a model with `rows` embedding rows must not generate: special tokens except the end token,
        and rows without a token."""
        special = set(self.tokenizer.all_special_ids) - {EOS_ID}
        return (*sorted(token for token in special if token < rows), *range(len(self), rows))

    def language(self, vocabulary: TermVocabulary, settings: SubwordConfig) -> SubwordLanguage:
        """The language of these subwords over the terms of a corpus. Raises ModelError for a tokenizer that is not a
        fast one of the package `tokenizers`."""
        tokenizer = getattr(self.tokenizer, "backend_tokenizer", None)
        if not isinstance(tokenizer, Tokenizer):
            raise ModelError(
                f"The tokenizer is a {type(self.tokenizer).__name__}, which cannot be written as tokenizer.json; "
                "use a T5 with a fast tokenizer, such as google-t5/t5-small"
            )
        return SubwordLanguage(tokenizer, vocabulary, settings)


def load_subword(folder: Path) -> tuple[T5Policy, SubwordVocabulary]:
    """A T5 and its tokenizer, in evaluation mode; without a value head in the folder, the head starts at zero. Raises
    ModelError if the folder is not a T5 with a tokenizer, or if its padding and end tokens are not 0 and 1."""
    t5 = load_t5(folder)
    if folder.is_dir() and not any((folder / name).is_file() for name in TOKENIZER_FILES):
        raise ModelError(
            f"{folder} has no tokenizer; save it beside the model"
        )  # transformers alone would make an empty one
    try:
        vocabulary = SubwordVocabulary(AutoTokenizer.from_pretrained(folder))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{folder} has a tokenizer that cannot be read ({error}); save it again") from error
    tokens = (vocabulary.tokenizer.pad_token_id, vocabulary.tokenizer.eos_token_id, t5.config.decoder_start_token_id)
    if tokens != T5_TOKENS:
        raise ModelError(
            f"{folder} has the tokens {tokens} for padding, end and decoder start, a T5 has {T5_TOKENS}; "
            "use another model"
        )
    policy = T5Policy(t5, "tokens", 0, vocabulary.banned_ids(t5.config.vocab_size))
    load_value_head(policy, folder)
    return policy.eval(), vocabulary


def save_subword(policy: T5Policy, vocabulary: SubwordVocabulary, folder: Path) -> None:
    """Write T5, tokenizer and value head into an existing folder."""
    policy.t5.save_pretrained(folder)
    vocabulary.tokenizer.save_pretrained(folder)
    save_value_head(policy, folder)


def load_subword_stage(folder: Path) -> tuple[T5Policy, SubwordLanguage]:
    """Read a folder that `save_subword_stage` wrote, in evaluation mode. Raises ModelError if it is not such a
    folder."""
    policy, subwords = load_subword(folder)
    return policy, subwords.language(TermVocabulary.load(folder), SubwordConfig.load(folder))


def save_subword_stage(policy: T5Policy, language: SubwordLanguage, folder: Path) -> None:
    """Write T5, tokenizer, value head, the corpus's terms and the settings of the language into an existing
    folder."""
    policy.t5.save_pretrained(folder)
    plain_tokenizer(language).save_pretrained(folder)
    save_value_head(policy, folder)
    language.vocabulary.save(folder)
    language.settings.save(folder)


def plain_tokenizer(language: SubwordLanguage) -> PreTrainedTokenizerFast:
    """The subwords as a tokenizer of transformers, of one class for every source."""
    padding, end = (language.tokenizer.id_to_token(token) for token in (PAD_ID, EOS_ID))
    named = {"pad_token": padding, "eos_token": end, "unk_token": UNKNOWN}
    others = [token for token in language.special_tokens if token not in named.values()]
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=language.tokenizer, additional_special_tokens=others, **named
    )
