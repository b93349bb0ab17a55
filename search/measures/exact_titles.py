"""A document whose title is the query comes first: a step after the engine, the same for every system.

A visitor who types a whole title asks for that document; BM25 may prefer others that say the same words more often.
The step changes no ranking formula, and the rewards of training follow the engine's own ranking.
"""

from __future__ import annotations

from collections.abc import Sequence

from untilclick.search.records import ScoredDoc


def exact_titles_first(ranking: Sequence[ScoredDoc], titled: Sequence[str], k: int) -> list[ScoredDoc]:
    """The first k documents of a ranking after the documents `titled`, whose title is the query.

    Those that the ranking has keep its order; others follow them in the given order. All of them get the score of
    the first result, 0 if there is none, so that scores do not increase down the list. Without `titled` the ranking
    stays as it is.
    """
    if not titled:
        return list(ranking[:k])
    named = frozenset(titled)
    retrieved = [entry.doc_id for entry in ranking if entry.doc_id in named]
    missing = [doc_id for doc_id in titled if doc_id not in set(retrieved)]
    score = ranking[0].score if ranking else 0.0
    first = [ScoredDoc(doc_id, score) for doc_id in (*retrieved, *missing)]
    return [*first, *(entry for entry in ranking if entry.doc_id not in named)][:k]
