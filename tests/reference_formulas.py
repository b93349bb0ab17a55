"""Published formulas as plain loops; tests hold the code to them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def expected_reciprocal_rank(rankings: Iterable[Sequence[int]], max_grade: int) -> list[float]:
    """Expected reciprocal rank of grades in rank order, one value per ranking.

    A user reads from the top, and a document of grade g satisfies with probability (2^g - 1) / 2^max_grade. Source:
    Chapelle, Metzler, Zhang & Grinspan, "Expected reciprocal rank for graded relevance", CIKM 2009, algorithm 2.
    """
    values = []
    for ranking in rankings:
        reached, total = 1.0, 0.0  # probability that the user reads the document; sum so far
        for rank, grade in enumerate(ranking, start=1):
            satisfied = (2.0**grade - 1) / 2**max_grade
            total += reached * satisfied / rank
            reached *= 1 - satisfied
        values.append(total)
    return values
