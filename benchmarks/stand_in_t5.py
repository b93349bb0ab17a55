"""A subword T5 that needs no download: a tokenizer of T5's type over a corpus's own words, and a model of any shape.

As in Google's T5: unigram pieces with a word-boundary sign, padding 0, end 1, unknown 2, a hundred sentinels at the
end of the vocabulary, and more embedding rows than tokens.
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
"""Characters of pieces that are not whole words."""


@dataclass(frozen=True)
class T5Shape:
    """Size of a T5; the default has 11.5 million parameters, 8.2 of them in the embedding."""

    rows: int = 32_128
    """Embedding rows; Google's T5 has 32,128 for 32,100 tokens."""
    d_model: int = 256
    d_kv: int = 64
    d_ff: int = 832
    layers: int = 2
    """Blocks of the encoder and of the decoder."""


def unigram_tokenizer(words: Iterable[str], size: int) -> PreTrainedTokenizerFast:
    """A tokenizer of at most `size` tokens, sentinels included: every letter, then whole words and pieces of words,
    the most frequent first."""
    counts = Counter(words)
    pieces: Counter[str] = Counter({f"{BOUNDARY}{word}": count for word, count in counts.items()})
    for word, count in counts.items():
        marked = f"{BOUNDARY}{word}"
        for length in range(2, LONGEST_PIECE + 1):
            pieces.update({marked[at : at + length]: count for at in range(len(marked) - length + 1)})
    letters = sorted({letter for piece in pieces for letter in piece})
    kept = [piece for piece, _ in pieces.most_common(size - len(SENTINELS) - len(letters) - 3) if len(piece) > 1]
    total = float(sum(pieces.values()))
    scored = [(piece, float(np.log(pieces[piece] / total))) for piece in kept] + [(one, -20.0) for one in letters]
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
    """A T5 with random weights."""
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
