"""From a T5 on disk to a CTranslate2 model, whose output layer may be smaller than what it reads.

A T5 has one table of embeddings, for its input and for its output. CTranslate2 knows two vocabularies, so that a
policy with twenty thousand outside words computes no logit of them.
"""

from __future__ import annotations

from pathlib import Path

from ctranslate2.converters import TransformersConverter
from ctranslate2.specs.model_spec import SequenceToSequenceModelSpec


class _TermConverter(TransformersConverter):  # type: ignore[misc]
    """Converts a T5 that outputs the first of its tokens alone."""

    def __init__(self, folder: Path, n_outputs: int) -> None:
        super().__init__(str(folder))
        self._n_outputs = n_outputs

    def _load(self) -> SequenceToSequenceModelSpec:
        spec = super()._load()
        source, target = (spec._vocabularies[side][0] for side in ("source", "target"))
        if self._n_outputs == len(target):
            return spec
        spec._vocabularies = {"source": [source], "target": [target[: self._n_outputs]]}
        for layer in (spec.decoder.embeddings, spec.decoder.projection):
            # A copy: quantisation scales weights in place, and these rows are those of the encoder, too.
            layer.weight = layer.weight[: self._n_outputs].clone()
        return spec


def convert(source: Path, n_outputs: int, target: Path, quantization: str | None) -> None:
    """Write the CTranslate2 model of a folder with a T5 and its tokenizer. It reads all tokens and outputs the first
    `n_outputs` of them. `quantization` is a name of CTranslate2; None keeps the precision."""
    _TermConverter(source, n_outputs).convert(str(target), quantization=quantization)
