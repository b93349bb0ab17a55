"""An encoder run by ONNX Runtime, to compare it with CTranslate2: export by torch, quantization by onnxruntime."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from untilclick.search.errors import MissingDependencyError
from untilclick.search.text.encoders.encoder import Vectors, of_unit_length
from untilclick.search.text.encoders.encoder_folder import Quantization
from untilclick.search.text.encoders.sources import EncoderSource
from untilclick.search.text.encoders.tokens import open_tokenizer

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
MODEL_FILE, TOKENIZER_FILE = "model.onnx", "tokenizer.json"


def export(source: EncoderSource, folder: Path, quantization: Quantization) -> None:
    """Write model and tokenizer of a Bert with mean pooling. int8 has dynamic quantization, with a scale for each row
    of a weight. Raises MissingDependencyError without onnxruntime."""
    import torch

    from untilclick.rewriter.policy.encoders.sentence_model import load_sentence_model

    try:
        from onnxruntime.quantization import QuantType, quantize_dynamic
    except ModuleNotFoundError:
        raise MissingDependencyError.of("onnxruntime", "bench") from None
    loaded = load_sentence_model(source.folder)
    assert loaded.settings.pooling == "mean"
    folder.mkdir(parents=True, exist_ok=True)
    loaded.model.tokenizer.backend_tokenizer.save(str(folder / TOKENIZER_FILE))
    plain = folder / "plain.onnx"
    example = (torch.full((2, 12), 7), torch.ones((2, 12), dtype=torch.long), torch.zeros((2, 12), dtype=torch.long))
    free = {0: torch.export.Dim("texts"), 1: torch.export.Dim("tokens")}
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of itself
        torch.onnx.export(
            _States(loaded.transformer),
            example,
            plain,
            input_names=INPUTS,
            output_names=["states"],
            dynamo=True,
            dynamic_shapes={"tokens": (free, free, free)},
            external_data=False,
            verbose=False,
        )
    if quantization == "int8":
        quantize_dynamic(plain, folder / MODEL_FILE, per_channel=True, weight_type=QuantType.QInt8)
        plain.unlink()
    else:
        plain.rename(folder / MODEL_FILE)


def _States(transformer: object) -> object:  # noqa: N802  a module with one output
    import torch

    class States(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.transformer = transformer

        def forward(self, *tokens: torch.Tensor) -> torch.Tensor:
            return self.transformer(**dict(zip(INPUTS, tokens, strict=True))).last_hidden_state

    return States().eval()


class OnnxEncoder:
    """The vectors of an exported model, one text at a time in one thread."""

    def __init__(self, folder: Path, max_tokens: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            str(folder / MODEL_FILE), options, providers=["CPUExecutionProvider"]
        )
        self._tokenizer = open_tokenizer(folder / TOKENIZER_FILE, max_tokens)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """(N, d) vectors of unit length."""
        return of_unit_length(np.stack([self._mean(text) for text in texts]))

    def _mean(self, text: str) -> Vectors:
        ids = np.array([self._tokenizer.encode(text).ids], dtype=np.int64)  # (1, T)
        inputs = dict(zip(INPUTS, (ids, np.ones_like(ids), np.zeros_like(ids)), strict=True))
        return self._session.run(None, inputs)[0][0].mean(axis=0)
