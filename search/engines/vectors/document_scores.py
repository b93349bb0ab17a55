"""The likeness of documents to a query, beside what its words say."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from untilclick.search.engines.vectors.protocol import Spread
from untilclick.search.records import ScoredDoc


class DocumentScores(Protocol):
    """The scores of all documents of the engine's corpus for one query; those of meaning are cosines."""

    def nearest(self, n: int) -> list[ScoredDoc]:
        """The n documents of the highest scores, best first; equal ones in corpus order."""

    def scores(self, doc_ids: Sequence[str]) -> list[float]:
        """The scores of given documents, in their order. Raises UnknownDocumentError for an unknown id."""

    def in_corpus_order(self, doc_ids: Collection[str]) -> list[str]:
        """The ids, ordered as their documents are in the corpus. Raises UnknownDocumentError for an unknown id."""

    def spread(self) -> Spread:
        """Mean and standard deviation of the scores of all documents."""

    def __len__(self) -> int:
        """Number of documents."""


@dataclass(frozen=True)
class DocumentReading:
    """Scores of documents, and their share in the sum with the scores of words."""

    scores: DocumentScores
    share: float
    """0..1; 0 ranks by the words alone, 1 by these scores alone."""
    words_are_scaled: bool = False
    """Whether the scores of the words are summed as they are. If not, they are divided by their maximum and have the
    rest of the share."""

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise ValueError(f"The share of the documents reading is {self.share}; expected 0 to 1")
