"""The needs that topics state: those that the data names, and groups of topics that want the same documents."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from untilclick.rewriter.judging.linking import JACCARD, LinkedSets, incidence, linked_sets
from untilclick.search.analysis.analysis import Analysis
from untilclick.search.records import Topic


def needs_of_topics(topics: Sequence[Topic], analysis: Analysis) -> LinkedSets:
    """The need of each topic, in order: the one that the data names (`Topic.need`), else the group of topics with
    equal index terms or similar sets of wanted documents. A named need is linked with no other."""
    return linked_sets(_wanted(topics), [_key(topic, analysis) for topic in topics])


def share_a_need(topics: Sequence[Topic], others: Sequence[Topic], analysis: Analysis) -> NDArray[np.bool_]:
    """(n,) whether a topic has a need of one of the other topics: it is named so, or has the same index terms, or the
    Jaccard coefficient of the wanted documents is `JACCARD` or more. Chains of topics do not count, but one document
    of two does."""
    keys = {_key(other, analysis) for other in others}
    named = np.array([_key(topic, analysis) in keys for topic in topics], dtype=bool)
    wanted = incidence(_wanted([*topics, *others]))
    sizes = np.diff(wanted.indptr)
    common = (wanted[: len(topics)] @ wanted[len(topics) :].T).tocoo()
    near = common.data >= JACCARD * (sizes[common.row] + sizes[len(topics) + common.col] - common.data)
    named[common.row[near]] = True
    return named


def terms_of_query(query: str, analysis: Analysis) -> str:
    """The index terms of a query in alphabetical order, or its text if it has none."""
    return " ".join(sorted(analysis.terms(query))) or query


def _key(topic: Topic, analysis: Analysis) -> str:
    """The need that the data names, else the terms of the query."""
    return f"need {topic.need}" if topic.need else f"terms {terms_of_query(topic.query, analysis)}"


def _wanted(topics: Sequence[Topic]) -> list[frozenset[int]]:
    """The numbers of the documents that each topic wants; none if its need is named."""
    numbers: dict[str, int] = {}
    numbered = [[numbers.setdefault(doc_id, len(numbers)) for doc_id in topic.relevance] for topic in topics]
    return [frozenset(() if topic.need else of) for topic, of in zip(topics, numbered, strict=True)]
