"""From a distribution over terms to the query that is really searched. Pure functions, no torch.

The original query is never lost. The score of a document is

    original x typed  +  feedback x RM3 terms  +  rewrite x expansion terms
    typed  =  (1 - c) x BM25(query)/|query|  +  c x BM25(earlier words)/|earlier words|

where corrections of words that no document contains join the query: such a word matches nothing, so nothing is given
up. Earlier words are those of the session's earlier queries that the query lacks; without any, what was typed is the
query alone. Each has the weight of a word of the query, all together at most `context`. Where the first list is a
close race, feedback and rewrite may weigh less (`BlendSettings.shares`). The weights are learned on held-out queries
(`training/validation.py`) and travel in the bundle.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from untilclick.rewriter.language.prompts import Prompt
from untilclick.rewriter.language.vocabulary import SPECIAL_TOKENS, UNK_ID, TermVocabulary
from untilclick.rewriter.rewrite import RewriteRequest
from untilclick.search.records import WeightedQuery
from untilclick.search.text.analysis import term_of, words
from untilclick.search.text.analysis import terms as analyse

Clause = tuple[str, float]
"""Words and their weight."""
Clauses = tuple[Clause, ...]
READABLE_TERMS = 4
"""Expansion words shown in the readable rewritten query."""
MAX_CONTEXT = 10
"""Earlier queries whose words are searched too, the latest."""


@dataclass(frozen=True)
class BlendSettings:
    """Weights of the parts of a blended query; `original`, `feedback` and `rewrite` sum to 1."""

    original: float = 0.7
    """Weight of what was typed: the query with its corrections, divided by its number of terms, and its context."""
    feedback: float = 0.1
    """Weight of the relevance model (RM3)."""
    rewrite: float = 0.2
    """Weight of the expansion terms."""
    expansion_terms: int = 200
    """Terms read from the next-term distribution."""
    sharpness: float = 0.35
    """Exponent on their probabilities before they are scaled to sum 1."""
    feedback_terms: int = 20
    """Terms of the relevance model."""
    corrections: bool = True
    """Whether corrections of unknown words join the original query. Where unknown words are mostly names, correcting
    them does harm."""
    context: float = 0.25
    """Limit of the share of `original` that all words of the session's earlier queries get together, 0..1; 0 leaves
    them out. See `context_share`. Validation chooses it on queries that have earlier queries; without such queries
    or without a log it keeps this default."""
    min_confidence: float = 0.0
    """The gate: below this probability mass of the expansion terms the query is kept as it is."""
    full_gap: float = 0.0
    """Gap from which on feedback and rewrite have their whole weight; 0 gives it them always. See `shares`."""
    least_share: float = 0.3
    """Share of their weight that they keep where the gap is 0."""

    def shares(self, gaps: NDArray[np.float32]) -> NDArray[np.float32]:
        """Share of their weight that feedback and rewrite keep, (n,), where the first lists of what was typed have
        these gaps, (n,): a small one says that little can turn the list over. sqrt(gap / full_gap), at least
        `least_share`, at most 1; the original takes what they leave. Expanding some queries and not others goes back
        to Amati, Carpineto & Romano, "Query Difficulty, Robustness, and Selective Application of Query Expansion",
        ECIR 2004."""
        if self.full_gap <= 0:
            return np.ones_like(gaps)
        return np.asarray(np.sqrt(gaps / self.full_gap).clip(self.least_share, 1.0), dtype=np.float32)

    def scaled(self, gap: float) -> BlendSettings:
        """The weights of one query whose first list has this gap."""
        share = float(self.shares(np.array([gap], dtype=np.float32))[0])
        feedback, rewrite = self.feedback * share, self.rewrite * share
        return replace(self, original=1.0 - feedback - rewrite, feedback=feedback, rewrite=rewrite)


COLD_START = BlendSettings(original=0.65, feedback=0.1, rewrite=0.25, sharpness=0.6, full_gap=0.5)
"""For a base that no session has taught. Of some thousand settings the best mean over eleven corpora among those that
harm less than 5 % of the queries of each (docs/experiments.md)."""


def score_gap(scores: Sequence[float]) -> float:
    """How far the first of a list is ahead of the second, as a share of its score, 0..1; 1 without a second."""
    return 1.0 - scores[1] / scores[0] if len(scores) > 1 else 1.0


class Expansion(NamedTuple):
    """Weighted expansion terms."""

    ids: NDArray[np.int64]
    """(n,) token ids, heaviest first."""
    weights: NDArray[np.float32]
    """(n,) sum 1."""
    confidence: float
    """Probability mass of these terms in the next-term distribution, 0..1."""


def expand(logits: NDArray[np.float32], prompt: Prompt, settings: BlendSettings) -> Expansion:
    """Read the expansion from next-term logits (V,); specials and the query's own terms are masked first. UNK_ID has
    what no term stands for: it is never read and lowers the confidence. A query of the whole vocabulary has an empty
    expansion of confidence 0."""
    scores = logits.astype(np.float64)
    unread = scores[UNK_ID]
    scores[: len(SPECIAL_TOKENS)] = -np.inf
    scores[list(prompt.query_ids)] = -np.inf
    n = min(settings.expansion_terms, int(np.isfinite(scores).sum()))
    if n == 0:
        return Expansion(np.array([], dtype=np.int64), np.array([], dtype=np.float32), 0.0)
    highest = scores.max()
    scores -= highest
    log_total = np.logaddexp(np.log(np.exp(scores).sum()), unread - highest)
    best = np.argpartition(-scores, n - 1)[:n]
    best = best[np.argsort(-scores[best], kind="stable")]
    weights = np.exp(settings.sharpness * scores[best])
    confidence = float(np.exp(scores[best]).sum() * np.exp(-log_total))
    return Expansion(best, (weights / weights.sum()).astype(np.float32), confidence)


def added_words(query: str, corrected: str | None) -> tuple[str, ...]:
    """The words that a correction brings in; empty without a correction."""
    if corrected is None:
        return ()
    return tuple((Counter(words(corrected)) - Counter(words(query))).elements())


def context_words(request: RewriteRequest) -> tuple[str, ...]:
    """Words of the session's latest earlier queries that the query lacks, one for each index term."""
    present = set(analyse(request.query))
    found: dict[str, str] = {}
    for query in request.history[-MAX_CONTEXT:]:
        for word in words(query):
            term = term_of(word)
            if term is not None and term not in present:
                found.setdefault(term, word)
    return tuple(found.values())


def original_clauses(query: str, corrections: Sequence[str], n_known: int) -> Clauses:
    """Query and corrections, each term of weight 1/|query|; `n_known` counts the query's terms that the corpus
    contains. The clauses alone rank as the corrected query does."""
    share = 1.0 / max(n_known + len(corrections), 1)
    return ((query, share), *((word, share) for word in corrections))


def context_share(n_typed: int, n_context: int, limit: float) -> float:
    """Share of the weight for words of earlier queries: each as heavy as one of the query, together at most `limit`.
    Guan, Zhang & Yang, "Utilizing Query Change for Session Search", SIGIR 2013, weigh each word by how the session
    went on; here that brought nothing (docs/experiments.md)."""
    return min(limit, n_context / (n_context + max(n_typed, 1)))


def with_context(original: Clauses, context: Sequence[str], n_typed: int, limit: float) -> Clauses:
    """The clauses of a query of so many known terms, and words of earlier queries in equal parts of their share."""
    if not context or limit <= 0:
        return original
    share = context_share(n_typed, len(context), limit)
    kept = tuple((text, weight * (1.0 - share)) for text, weight in original)
    return (*kept, *((word, share / len(context)) for word in context))


def compose(
    original: Sequence[Clause],
    feedback: Sequence[Clause],
    expansion: Sequence[Clause],
    settings: BlendSettings,
) -> WeightedQuery:
    """Weigh the three parts against each other; an empty part leaves its weight unused."""
    parts = ((original, settings.original), (feedback, settings.feedback), (expansion, settings.rewrite))
    return WeightedQuery(tuple((text, share * weight) for part, share in parts if share > 0 for text, weight in part))


def surface_terms(expansion: Expansion, vocabulary: TermVocabulary) -> Clauses:
    """The expansion as words with weights."""
    pairs = zip(expansion.ids, expansion.weights, strict=True)
    return tuple((vocabulary.surface(int(token)), float(weight)) for token, weight in pairs)


def readable(corrected: str, expansion: Sequence[tuple[str, float]]) -> str:
    """The rewritten query for a person: the corrected query and the heaviest expansion words it lacks."""
    present = set(analyse(corrected))
    fresh = (word for word, _ in expansion if not present.intersection(analyse(word)))
    return " ".join([corrected.strip(), *islice(fresh, READABLE_TERMS)])
