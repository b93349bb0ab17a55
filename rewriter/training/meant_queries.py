"""Queries of a validation read by a sentence encoder: what does not change while a policy is trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from untilclick.rewriter.data.corpus_scorer import CorpusScorer
from untilclick.rewriter.language.prompts import Prompt
from untilclick.rewriter.serving.readings.meaning import Meaning
from untilclick.rewriter.serving.readings.mixture import FIRST, Evidence, share_of, surprise_of
from untilclick.search.engines.vectors.encoded_corpus import EncodedCorpus


class MeantQueries(NamedTuple):
    """B queries by meaning; D is the number of documents."""

    cosines: Tensor
    """(B, D) of queries and documents, in corpus order; negative ones are 0."""
    logits: NDArray[np.float32]
    """(B, V) of the words recalled by meaning alone."""
    surprise: NDArray[np.float64]
    """(B,) see `mixture.py`."""
    remembered: Tensor
    """(M,) int64, the rows of the corpus that a model remembers."""

    def learned(self, scores: NDArray[np.float32] | None) -> Tensor:
        """(B, D) a trained model's scores of all documents, from those of the remembered ones (B, M), see
        `LearnedScores`; the cosines for a model that gives none."""
        if scores is None:
            return self.cosines
        return self.cosines.index_copy(1, self.remembered, torch.from_numpy(scores).clamp_min(0.0))

    @classmethod
    def of(
        cls, prompts: Sequence[Prompt], meaning: Meaning, encoded: EncodedCorpus, scorer: CorpusScorer
    ) -> MeantQueries:
        """Read the queries; the documents and the vocabulary are those of `scorer`."""
        doc_ids, size = scorer.index.doc_ids, len(scorer.vocabulary)
        vectors = meaning.vectors([prompt.texts for prompt in prompts])
        cosines = torch.from_numpy(vectors) @ torch.from_numpy(encoded.stored.matrix()).T  # (B, D)
        tenth = cosines.topk(min(FIRST, cosines.shape[1]), dim=1).values[:, -1]
        of_all = cosines.double()
        mean, deviation = of_all.mean(1).numpy(), of_all.std(1, correction=0).numpy()
        surprise = surprise_of(tenth.double().numpy(), mean, deviation, cosines.shape[1])
        row_of = {document: row for row, document in enumerate(doc_ids)}
        remembered = torch.tensor([row_of[doc_id] for doc_id in meaning.memory.doc_ids])
        return cls(cosines.clamp_min(0.0), meaning.logits(vectors, size), surprise, remembered)


def evidence_of(
    originals: Tensor, possible: NDArray[np.float64], cosines: Tensor, surprise: NDArray[np.float64]
) -> Evidence:
    """The evidence of B queries from scores of the originals (B, D), the scores that they could reach (B,), their
    cosines (B, D) and their surprise (B,)."""
    n = min(FIRST, originals.shape[1])
    scores, rows = originals.topk(n, dim=1)  # (B, n)
    is_found = scores > 0
    found = (cosines.gather(1, rows) * is_found).sum(1) / is_found.sum(1).clamp_min(1)
    nearest = cosines.topk(n, dim=1).values.mean(1)
    first, tenth = (scores[:, place].double().numpy() for place in (0, -1))
    return Evidence(
        share_of(first, possible),
        share_of(found.double().numpy(), nearest.double().numpy()),
        surprise,
        share_of(tenth, first) if n == FIRST else np.zeros_like(first),
    )


def scaled(scores: Tensor) -> Tensor:
    """(B, D) Scores, each row divided by its maximum; rows without a positive score are 0."""
    best = scores.max(1, keepdim=True).values
    return torch.where(best > 0, scores / best.clamp_min(1e-30), 0.0)
