"""How often users look for each topic: what others speak of is looked for more often."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from untilclick.search.records import Collection, Topic
from untilclick.search.text.prominence import prominence


def need_popularity(topics: Sequence[Topic], collection: Collection, exponent: float) -> NDArray[np.float64] | None:
    """(T,) relative frequency of each topic that was made from documents: (1 + n)^exponent, where n other documents
    name the document that it wants, or the most named of several.

    None, which means equally often, for topics that people wrote, and for an exponent of 0.
    """
    if collection.queries == "real" or exponent == 0 or not topics:
        return None
    counts = prominence(collection.corpus).tolist()  # of D documents
    naming = {document.doc_id: n for document, n in zip(collection.corpus.documents, counts, strict=True)}
    wanted = [max((naming.get(doc_id, 0.0) for doc_id in topic.relevance), default=0.0) for topic in topics]
    return np.asarray((1.0 + np.array(wanted)) ** exponent, dtype=np.float64)
