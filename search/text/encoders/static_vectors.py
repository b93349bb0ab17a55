"""Static word vectors: a text's vector is the mean of its tokens' vectors. A light fallback, far below a transformer.

The vectors are those of the package wordllama (extra `static`): 256 dimensions, 16 MB, English, .04 ms a query. Its
files alone are read, because importing it sets up logging for the whole process. model2vec, which is better kept,
brings no vectors: it downloads them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from untilclick.search.analysis.normal_form import encodable
from untilclick.search.errors import ModelError
from untilclick.search.text.encoders.encoder import EncoderCard, TextKind, Vectors, of_unit_length
from untilclick.search.text.encoders.encoder_folder import files_digest
from untilclick.search.text.encoders.sources import package_folder
from untilclick.search.text.encoders.tokens import open_tokenizer

PACKAGE, EXTRA = "wordllama", "static"
WEIGHTS_FILE = Path("weights/l2_supercat_256.safetensors")
TOKENIZER_FILE = Path("tokenizers/l2_supercat_tokenizer_config.json")
TENSOR = "embedding.weight"

LICENCE = (
    "MIT, as the package states; made from the token embeddings of Llama 2 70B and Phi 3 medium, so see the Llama 2 "
    "Community License, too"
)


class StaticEncoder:
    """`Encoder` by static vectors of tokens."""

    def __init__(self, tokenizer: Tokenizer, vectors: Vectors, card: EncoderCard) -> None:
        """`vectors` (V, d) has a row for each token."""
        self._tokenizer, self._vectors, self._card = tokenizer, vectors, card

    @classmethod
    def open(cls, folder: Path | None = None) -> StaticEncoder:
        """The vectors in the folder of the package wordllama; None finds it. Raises MissingDependencyError if it is
        not installed, and ModelError if it does not hold them."""
        folder = folder or package_folder(PACKAGE, EXTRA)
        from safetensors import SafetensorError  # noqa: PLC0415  a dependency of wordllama, not of this package
        from safetensors.numpy import load_file  # noqa: PLC0415

        try:
            vectors = load_file(folder / WEIGHTS_FILE)[TENSOR].astype(np.float32)  # (V, d)
            digest = files_digest(folder, (folder / WEIGHTS_FILE, folder / TOKENIZER_FILE))
        except (OSError, KeyError, SafetensorError) as error:
            problem = f"{folder} does not hold the vectors of {PACKAGE} ({error})"
            raise ModelError(f"{problem}; install the version that constraints.txt names") from error
        card = EncoderCard(PACKAGE, vectors.shape[1], digest, LICENCE, origin=digest)
        return cls(open_tokenizer(folder / TOKENIZER_FILE, None), vectors, card)

    @property
    def card(self) -> EncoderCard:
        """See `Encoder.card`."""
        return self._card

    def encode(self, texts: Sequence[str], kind: TextKind = "document") -> Vectors:  # noqa: ARG002  one kind for all
        """See `Encoder.encode`."""
        vectors = np.zeros((len(texts), self._card.dimension), dtype=np.float32)
        for row, text in enumerate(texts):
            if ids := self._tokenizer.encode(encodable(text.strip()), add_special_tokens=False).ids:
                vectors[row] = self._vectors[ids].mean(axis=0)
        return of_unit_length(vectors)

    def n_cut(self, texts: Sequence[str], kind: TextKind = "document") -> int:  # noqa: ARG002
        """See `Encoder.n_cut`: none is."""
        return 0
