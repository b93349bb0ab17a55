"""How often users look for each topic: what others speak of is looked for more often."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from untilclick.search.records import Corpus, Topic
from untilclick.search.text.prominence import prominence


def need_popularity(topics: Sequence[Topic], corpus: Corpus, exponent: float) -> NDArray[np.float64] | None:
    """(T,) relative frequency of each topic that was made from documents: (1 + n)^exponent, where n other documents
    name the document that it wants, or the most named of several.

    None, which means equally often, for an exponent of 0, and without topics.
    """
    if exponent == 0 or not topics:
        return None
    counts = prominence(corpus).tolist()  # of D documents
    naming = {document.doc_id: n for document, n in zip(corpus.documents, counts, strict=True)}
    wanted = [[naming.get(doc_id, 0.0) for doc_id, grade in topic.relevance.items() if grade > 0] for topic in topics]
    return np.asarray((1.0 + np.array([max(each, default=0.0) for each in wanted])) ** exponent, dtype=np.float64)
