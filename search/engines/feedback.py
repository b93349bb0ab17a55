"""RM1, the relevance model of a query's first documents, from their stored texts alone.

No term index of the corpus is needed, so this works alike for an index on disk and for a remote one. Combining the
model with the query (the interpolation that makes it RM3) is the caller's part: both are clauses of a weighted query.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from heapq import nlargest

from search.analysis import term_of, words
from search.records import Document, Feedback, ScoredDoc

FEEDBACK_DOCUMENTS = 10
"""First documents of the ranking that the model is made from; the usual choice of RM3 baselines."""


@dataclass(frozen=True, slots=True, eq=False)
class AnalysedDocument:
    """Counts of one document; stop words are in neither."""

    terms: Counter[str]
    """Index term -> occurrences."""
    words: Mapping[str, Mapping[str, int]]
    """Index term -> surface word -> occurrences."""

    @classmethod
    def of(cls, document: Document) -> AnalysedDocument:
        """Count title and text; an empty document gives empty counts."""
        found: defaultdict[str, dict[str, int]] = defaultdict(dict)
        bag: Counter[str] = Counter()
        for word, count in Counter(words(document.content)).items():
            if (term := term_of(word)) is not None:
                found[term][word] = count
                bag[term] += count
        return cls(bag, dict(found))


class AnalysedDocuments:
    """The latest analysed documents, first come, first dropped. One per state of an index, since documents change;
    threads may share it: two of them may analyse the same document twice, nothing worse."""

    def __init__(self, fetch: Callable[[Sequence[str]], list[Document]], capacity: int = 4096) -> None:
        self._fetch = fetch
        self._capacity = capacity
        self._kept: OrderedDict[str, AnalysedDocument] = OrderedDict()

    def get(self, doc_ids: Sequence[str]) -> list[AnalysedDocument]:
        """Analysed documents in the order asked."""
        found = {doc_id: self._kept.get(doc_id) for doc_id in doc_ids}
        missing = [doc_id for doc_id, analysed in found.items() if analysed is None]
        for document in self._fetch(missing) if missing else ():
            found[document.doc_id] = self._kept[document.doc_id] = AnalysedDocument.of(document)
        while len(self._kept) > self._capacity:
            self._kept.popitem(last=False)
        return [analysed for doc_id in doc_ids if (analysed := found[doc_id]) is not None]


def feedback(ranking: Sequence[ScoredDoc], analysed: AnalysedDocuments, n: int) -> Feedback:
    """Of a query's first documents; for n <= 0 none of them is looked at."""
    documents = analysed.get([entry.doc_id for entry in ranking]) if n > 0 else []
    terms = relevance_model(ranking, documents, n) if n > 0 else []
    return Feedback(terms, [entry.score for entry in ranking])


def relevance_model(
    ranking: Sequence[ScoredDoc], documents: Sequence[AnalysedDocument], n: int
) -> list[tuple[str, float]]:
    """The n heaviest terms as surface words with weights that sum to 1, heaviest first, ties alphabetically.

    p(t|R) = sum over d of p(d) tf(t,d) / |d|, with p(d) = score(d) / sum of scores: Lavrenko & Croft,
    "Relevance-Based Language Models", SIGIR 2001, eq. 8, as simplified for RM3 by Abdul-Jaleel et al., TREC 2004.
    An empty ranking or n <= 0 gives an empty list.
    """
    total = sum(entry.score for entry in ranking)
    model: dict[str, float] = {}
    for entry, document in zip(ranking, documents, strict=True):
        share = entry.score / total / max(document.terms.total(), 1)
        for term, count in document.terms.items():
            model[term] = model.get(term, 0.0) + share * count
    if not model or n <= 0:
        return []
    lightest = nlargest(n, model.values())[-1]
    candidates = [term for term, weight in model.items() if weight >= lightest]
    heaviest = sorted(candidates, key=lambda term: (-model[term], term))[:n]
    mass = sum(model[term] for term in heaviest)
    return [(_surface(term, documents), model[term] / mass) for term in heaviest]


def _surface(term: str, documents: Sequence[AnalysedDocument]) -> str:
    """A term's most frequent surface word in these documents; of ties the alphabetically first."""
    counts: Counter[str] = Counter()
    for document in documents:
        counts.update(document.words.get(term, {}))
    return min(counts, key=lambda word: (-counts[word], word))
