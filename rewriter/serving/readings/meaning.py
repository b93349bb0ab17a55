"""Queries read by a sentence encoder: the words of the documents nearest in meaning, and the likeness of documents.

The words are a relevance model (Lavrenko & Croft, "Relevance-Based Language Models", SIGIR 2001) whose documents are
chosen by cosine, as in ColBERT-PRF (Wang et al., ICTIR 2021), and weighted by

    p(document | query) = softmax over documents of SHARPNESS x cosine

Nothing is trained on a log: this is what the rewriter does before it has learned anything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from untilclick.rewriter.language.log_space import MASKED_LOGIT, TINY
from untilclick.rewriter.language.vocabulary import SPECIAL_TOKENS
from untilclick.rewriter.rewrite import PriorScores
from untilclick.rewriter.serving.memory_reader import MemoryReader
from untilclick.rewriter.serving.readings.document_prior import DocumentPrior, PresentPrior
from untilclick.rewriter.serving.readings.learned_scores import LearnedScores, RememberedIds
from untilclick.search.engines.vectors.document_scores import DocumentScores
from untilclick.search.engines.vectors.encoded_corpus import QueryCosines
from untilclick.search.engines.vectors.protocol import VectorIndex
from untilclick.search.errors import EncoderError
from untilclick.search.text.encoders.encoder import Vectors
from untilclick.search.text.encoders.query_vectors import QueryVectors
from untilclick.search.text.encoders.session_vector import session_vector

SHARPNESS = 25.0
"""Factor on the cosine; 15 to 40 differ by less than .02 nDCG@10 (docs/experiments.md)."""


class QueryScores(NamedTuple):
    """The likeness of all documents to one query."""

    cosines: DocumentScores | None
    """By the encoder alone, which are the evidence of a `Mixture`. None for a query without a token, and while the
    documents are not encoded."""
    documents: DocumentScores | None
    """What is summed with the words: the same, or what was learned. None as the cosines."""
    has_vector: bool
    """Whether the query has a token."""
    prior: PriorScores | None = None
    """The prominence of the documents; None as the cosines, and where no document names another."""


@dataclass(frozen=True, eq=False)
class Meaning:
    """An encoder, the documents as its vectors, and the words of remembered documents. Threads may share it."""

    queries: QueryVectors
    """Encodes queries."""
    documents: Callable[[], VectorIndex | None]
    """The documents that are searched, as they are now; None while they are not encoded."""
    memory: MemoryReader
    """The remembered documents; it has `vectors` of this encoder."""
    prior: Callable[[], DocumentPrior] = DocumentPrior
    """Gives the prominence of the documents; none by default. It is asked for where a blend has a weight for it."""

    def vectors(self, sessions: Sequence[Sequence[str]]) -> Vectors:
        """(B, d) of the queries of sessions, in each the present one first, then the earlier ones, newest first.

        Raises EncoderError if the encoder fails.
        """
        try:
            of_query = iter(self.queries([query for session in sessions for query in session]))
        except Exception as error:  # whatever the library raises
            raise EncoderError(f"The encoder {self.queries.encoder.card.name} fails: {error}") from error
        return np.stack([session_vector(np.stack([next(of_query) for _ in session])) for session in sessions])

    def logits(self, vectors: Vectors, size: int) -> NDArray[np.float32]:
        """(B, V) log-probabilities of the words recalled for queries (B, d), over a vocabulary of `size` tokens. The
        query's own words are among them; special tokens have `MASKED_LOGIT`."""
        assert self.memory.vectors is not None
        cosines = vectors @ self.memory.vectors.T  # (B, D)
        special = range(len(SPECIAL_TOKENS))
        recalled = np.stack([self.memory.recalled(row, SHARPNESS, size, special) for row in cosines])  # (B, V)
        logits = np.log(np.maximum(recalled, TINY))
        logits[:, : len(SPECIAL_TOKENS)] = MASKED_LOGIT
        return np.asarray(logits, dtype=np.float32)

    def scores(
        self, vectors: Vectors, learned: NDArray[np.float32] | None = None, *, with_prior: bool = False
    ) -> list[QueryScores]:
        """The likeness of all documents to each of B queries (B, d): their cosines or, if a trained model scores the
        remembered documents, `learned` (B, D), what it says of these. `with_prior`: their prominence, too."""
        index, scores = self.documents(), []
        known = self.prior() if with_prior else DocumentPrior()
        prior = PresentPrior(known, index) if known and index is not None else None
        for row, vector in enumerate(vectors):
            if index is None or not vector.any():
                scores.append(QueryScores(None, None, has_vector=bool(vector.any())))
                continue
            cosines = QueryCosines(index, vector)
            own = cosines if learned is None else LearnedScores(cosines, self.remembered, learned[row])
            scores.append(QueryScores(cosines, own, has_vector=True, prior=prior))
        return scores

    @cached_property
    def remembered(self) -> RememberedIds:
        """The remembered documents by their ids."""
        return RememberedIds(self.memory.doc_ids)
