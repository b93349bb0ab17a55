"""A sentence-transformers model of 2 layers and 32 dimensions with random weights. Its format is that of earlier
versions of the library, which most models of the hub have."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.conftest import TOY_TEXTS

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")

CARD = """---
license: apache-2.0
datasets:
- toys
- more_toys
---
# A toy
"""


def vocabulary() -> list[str]:
    """The words of the toy documents and all letters, as pieces of words."""
    words = re.findall(r"[a-z]+", " ".join(f"{title} {text}" for title, text in TOY_TEXTS.values()).lower())
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    pieces = [*SPECIAL, ".", ",", ";", ":", *letters, *(f"##{letter}" for letter in letters), *words]
    return list(dict.fromkeys(pieces))


def write_tiny_encoder(
    folder: Path,
    pooling: str = "mean_tokens",
    prompts: dict[str, str] | None = None,
    further: tuple[str, ...] = ("Normalize",),
    architecture: str = "Bert",
) -> Path:
    """Write the model; `further` are the modules behind the pooling."""
    from tokenizers import BertWordPieceTokenizer

    pieces = vocabulary()
    (folder / "1_Pooling").mkdir(parents=True)
    _save_transformer(folder, architecture, len(pieces))
    tokenizer = BertWordPieceTokenizer({piece: i for i, piece in enumerate(pieces)})
    tokenizer.save(str(folder / "tokenizer.json"))
    modes = ("cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens")
    files: dict[str, object] = {
        "modules.json": [
            {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for i, (path, kind) in enumerate(
                [
                    ("", "Transformer"),
                    ("1_Pooling", "Pooling"),
                    *((f"{2 + n}_{kind}", kind) for n, kind in enumerate(further)),
                ]
            )
        ],
        "1_Pooling/config.json": {
            "word_embedding_dimension": 32,
            **{f"pooling_mode_{mode}": mode == pooling for mode in modes},
        },
        "sentence_bert_config.json": {"max_seq_length": 24, "do_lower_case": False},
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            **dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), SPECIAL, strict=True)),
        },
        "config_sentence_transformers.json": {"prompts": prompts or {}},
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    for n, kind in enumerate(further):
        (folder / f"{2 + n}_{kind}").mkdir()
    (folder / "README.md").write_text(CARD, encoding="utf-8")
    return folder


def _save_transformer(folder: Path, architecture: str, n_tokens: int) -> None:
    import torch
    import transformers

    sizes: dict[str, int] = {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "type_vocab_size": 1,
    }
    if architecture == "DistilBert":
        sizes = {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64}
    elif architecture == "Bert":
        sizes["type_vocab_size"] = 2
    else:
        sizes["pad_token_id"] = 1  # the first position is counted from it
    config = getattr(transformers, f"{architecture}Config")(vocab_size=n_tokens, max_position_embeddings=48, **sizes)
    torch.manual_seed(0)
    getattr(transformers, f"{architecture}Model")(config).save_pretrained(folder)
