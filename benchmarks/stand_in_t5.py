"""Makes a subword T5 without a download: a tokenizer like T5's from the words of a corpus, and a model of any shape.

Like Google's T5, the tokenizer has unigram pieces with a word-boundary sign, the ids 0 for padding, 1 for the end and
2 for unknown pieces, and a hundred sentinels at the end of the vocabulary. The model has more embedding rows than the
tokenizer has tokens.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

BOUNDARY = "▁"
SENTINELS = tuple(f"<extra_id_{number}>" for number in range(99, -1, -1))
LONGEST_PIECE = 6
"""Maximum length of pieces that are not whole words, in characters."""


@dataclass(frozen=True)
class T5Shape:
    """Size of a T5; the default has 11.5 million parameters, 8.2 million of them in the embedding."""

    rows: int = 32_128
    """Number of embedding rows; Google's T5 has 32,128 for 32,100 tokens."""
    d_model: int = 256
    """Width of the embedding and of the residual stream."""
    d_kv: int = 64
    """Width of one attention head."""
    d_ff: int = 832
    """Width of the feed-forward layers."""
    layers: int = 2
    """Number of blocks of the encoder, and of the decoder."""


def unigram_tokenizer(words: Iterable[str], size: int) -> PreTrainedTokenizerFast:
    """Make a tokenizer of at most `size` tokens, including sentinels.

    It has all letters, and the most frequent words and pieces of words.
    """
    counts = Counter(words)
    pieces: Counter[str] = Counter({f"{BOUNDARY}{word}": count for word, count in counts.items()})
    for word, count in counts.items():
        marked = f"{BOUNDARY}{word}"
        for length in range(2, LONGEST_PIECE + 1):
            pieces.update({marked[start : start + length]: count for start in range(len(marked) - length + 1)})
    letters = sorted({letter for piece in pieces for letter in piece})
    frequent = [piece for piece, _ in pieces.most_common(size - len(SENTINELS) - len(letters) - 3) if len(piece) > 1]
    total = float(sum(pieces.values()))
    scored = [(piece, float(np.log(pieces[piece] / total))) for piece in frequent]
    scored += [(letter, -20.0) for letter in letters]  # used only if no longer piece fits
    special = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    tokenizer = Tokenizer(models.Unigram([*special, *scored], unk_id=2))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement=BOUNDARY)
    tokenizer.decoder = decoders.Metaspace(replacement=BOUNDARY)
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        additional_special_tokens=list(SENTINELS),
    )


def stand_in_t5(shape: T5Shape, seed: int) -> T5ForConditionalGeneration:
    """Make a T5 with random weights; the same seed gives the same weights."""
    config = T5Config.from_dict(
        {
            "vocab_size": shape.rows,
            "d_model": shape.d_model,
            "d_kv": shape.d_kv,
            "d_ff": shape.d_ff,
            "num_layers": shape.layers,
            "num_decoder_layers": shape.layers,
            "num_heads": shape.d_model // shape.d_kv,
            "dropout_rate": 0.1,
            "decoder_start_token_id": 0,
            "pad_token_id": 0,
            "eos_token_id": 1,
        }
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return T5ForConditionalGeneration(config)
