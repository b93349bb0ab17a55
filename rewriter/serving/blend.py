"""From a distribution over terms to the weighted query that is searched. Pure functions, no torch.

The blend always contains the original query. The score of a document is

    original x typed  +  feedback x RM3 terms  +  rewrite x expansion terms
    typed  =  (1 - c) x BM25(query) / |query|  +  c x BM25(context) / |context|

Corrections of words that no document contains join the query: such a word matches nothing, so keeping it costs
nothing. The context are the words of the session's earlier queries that the query lacks; without context, c is 0.
Each context word weighs as much as a word of the query, all of them together at most the share `context`. If the
first ranking is a close race, feedback and rewrite may weigh less (`BlendSettings.shares`). The weights are chosen on
held-out queries (`training/validation.py`) and stored in the bundle.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict

from untilclick.rewriter.caution import Caution
from untilclick.rewriter.language.prompts import Prompt
from untilclick.rewriter.language.vocabulary import SPECIAL_TOKENS, UNK_ID, TermVocabulary
from untilclick.rewriter.rewrite import RewriteRequest
from untilclick.rewriter.serving.readings.mixture import Mixture
from untilclick.search.analysis.analysis import Analysis
from untilclick.search.records import WeightedQuery
from untilclick.search.text.heaviest import heaviest

Clause = tuple[str, float]
"""A text of one or more words, and its weight."""
Clauses = tuple[Clause, ...]
Recall = Literal["policy", "meaning"]
"""`policy`: the model that was trained; `meaning`: a sentence encoder alone, see `readings/meaning.py`."""
READABLE_TERMS = 4
"""Expansion words in the readable rewritten query."""
MAX_CONTEXT = 10
"""Number of earlier queries whose words form the context, the latest."""


@dataclass(frozen=True)
class BlendSettings:
    """Weights of the parts of a blended query; `original`, `feedback` and `rewrite` sum to 1."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")
    """Files with settings that this build does not know are refused: without them the blend would be another."""

    original: float = 0.7
    """Weight of what was typed: the query with its corrections, divided by its number of terms, and the context."""
    feedback: float = 0.1
    """Weight of the relevance model (RM3)."""
    rewrite: float = 0.2
    """Weight of the expansion terms."""
    expansion_terms: int = 200
    """Number of terms read from the next-term distribution."""
    sharpness: float = 0.35
    """Exponent on the probabilities of the expansion terms before they are scaled to sum 1; below 1 flattens them."""
    feedback_terms: int = 20
    """Number of terms of the relevance model."""
    corrections: bool = True
    """Whether corrections of unknown words join the original query. They do harm in corpora whose unknown words are
    mostly names."""
    context: float = 0.25
    """Limit of the share of `original` that all words of the session's earlier queries get together, 0..1; 0 leaves
    them out. See `context_share`. Validation chooses it on queries that have earlier queries; without such queries
    or without a log it keeps this default."""
    min_confidence: float = 0.0
    """Threshold of the gate: with less probability mass of the expansion terms the query stays as typed, 0..1."""
    full_gap: float = 0.0
    """Score gap from which on feedback and rewrite get their whole weight, see `shares`; 0: they always get it."""
    least_share: float = 0.3
    """Share of their weight that feedback and rewrite keep at a gap of 0."""
    mixture: Mixture | None = None
    """Weights of the words as typed, of the expansion terms and of documents by meaning, each divided by its maximum;
    with it, `original`, `feedback`, `rewrite` and `full_gap` are not used. None: the words alone, as above."""
    recall: Recall = "policy"
    """Whose distribution over terms is read."""
    documents: Recall | None = None
    """Whose scores of documents a mixture sums with the words; None: those of `recall`. A model that gives no scores
    leaves the encoder's cosines."""

    @property
    def documents_by(self) -> Recall:
        """Whose scores of documents a mixture reads."""
        return self.recall if self.documents is None else self.documents

    @property
    def learned_share(self) -> float:
        """Weight of what was learned from sessions, 0..1."""
        if self.mixture is None:
            return self.rewrite
        of_both = 1.0 - self.mixture.typed
        if self.recall == self.documents_by:
            return of_both * (self.recall == "policy")
        return self.mixture.words if self.recall == "policy" else of_both - self.mixture.words

    def shares(self, gaps: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n,) shares of their weight that feedback and rewrite keep for n queries whose first rankings have the
        score gaps `gaps` (n,): sqrt(gap / full_gap), at least `least_share` and at most 1. The original gets the
        weight that they lose. A small gap means that a little weight can overturn the ranking.

        Expanding some queries and not others goes back to Amati, Carpineto & Romano, "Query Difficulty, Robustness,
        and Selective Application of Query Expansion", ECIR 2004."""
        if self.full_gap <= 0:
            return np.ones_like(gaps)
        return np.asarray(np.sqrt(gaps / self.full_gap).clip(self.least_share, 1.0), dtype=np.float32)

    def scaled(self, gap: float) -> BlendSettings:
        """The settings for one query whose first ranking has this score gap."""
        share = float(self.shares(np.array([gap], dtype=np.float32))[0])
        feedback, rewrite = self.feedback * share, self.rewrite * share
        return replace(self, original=1.0 - feedback - rewrite, feedback=feedback, rewrite=rewrite)


COLD_START = BlendSettings(original=0.65, feedback=0.1, rewrite=0.25, sharpness=0.6, full_gap=0.5)
"""Settings for a base that has not learned from sessions. About a thousand were tried on eleven corpora; of those
that harm less than 5 % of the queries of each corpus, these have the best mean."""
COLD_STARTS: Mapping[Caution, BlendSettings] = {"balanced": COLD_START, "cautious": COLD_START}
"""The same for each caution."""

MEANT = BlendSettings(mixture=Mixture(), recall="meaning")
"""Settings for a base with a sentence encoder: see docs/experiments.md, 2026-11-30, for the nine sets of queries that
they were found on."""
CAUTIOUSLY_MEANT = BlendSettings(mixture=Mixture(0.0, 0.25, "cautious"), recall="meaning")
"""The same, which turns to meaning only where the words fail."""
MEANT_STARTS: Mapping[Caution, BlendSettings] = {"balanced": MEANT, "cautious": CAUTIOUSLY_MEANT}
"""The same for each caution."""

RETURNING = BlendSettings(original=0.3, feedback=0.0, rewrite=0.7, sharpness=0.5)
"""Settings for queries that return and that the documents' own words do not answer: mostly what was learned. They are
not chosen on a log: three visitors of a query leave none to choose by."""


def cold_starts(*, encoded: bool) -> Mapping[Caution, BlendSettings]:
    """The settings of a rewriter that has not learned from sessions, with or without a sentence encoder."""
    return MEANT_STARTS if encoded else COLD_STARTS


def score_gap(scores: Sequence[float]) -> float:
    """Lead of a ranking's first score over its second, as a share of the first, 0..1; 1 without a second."""
    return 1.0 - scores[1] / scores[0] if len(scores) > 1 else 1.0


class Expansion(NamedTuple):
    """Weighted expansion terms."""

    ids: NDArray[np.int64]
    """(n,) token ids, heaviest first."""
    weights: NDArray[np.float32]
    """(n,) weights that sum to 1."""
    confidence: float
    """Probability mass of these terms in the next-term distribution, 0..1."""


class RecalledTerms(NamedTuple):
    """The terms that an expansion may take, and what decides their weights."""

    ids: NDArray[np.int64]
    """(n,) token ids, the most probable first, and of equally probable ones the lowest."""
    scores: NDArray[np.float64]
    """(n,) their logits, less the highest one."""
    log_total: float
    """Log of the sum of all exponentials of such logits, that of UNK_ID among them."""

    def expansion(self, settings: BlendSettings) -> Expansion:
        """The first of the terms, weighted; there should be as many as the settings ask for."""
        n = settings.expansion_terms
        if not self.ids.size:
            return Expansion(self.ids, np.array([], dtype=np.float32), 0.0)
        weights = np.exp(settings.sharpness * self.scores[:n])  # (n,) proportional to probability ** sharpness
        confidence = float(np.exp(self.scores[:n]).sum() * np.exp(-self.log_total))
        return Expansion(self.ids[:n], (weights / weights.sum()).astype(np.float32), confidence)


def recalled_terms(logits: NDArray[np.float32], prompt: Prompt, n: int) -> RecalledTerms:
    """The n most probable terms of next-term logits (V,), without special tokens and the query's own terms. UNK_ID
    holds the probability of everything that is not a term: it is never read. Empty if the query contains the whole
    vocabulary."""
    scores = logits.astype(np.float64)  # (V,)
    unread = scores[UNK_ID]
    scores[: len(SPECIAL_TOKENS)] = -np.inf
    scores[list(prompt.query_ids)] = -np.inf
    n = min(n, int(np.isfinite(scores).sum()))
    if n == 0:
        return RecalledTerms(np.array([], dtype=np.int64), np.array([]), 0.0)
    highest = scores.max()
    scores -= highest  # at most 0, so that no exponential overflows
    log_total = np.logaddexp(np.log(np.exp(scores).sum()), unread - highest)
    best = heaviest(scores, n)
    return RecalledTerms(best, scores[best], float(log_total))


def expand(logits: NDArray[np.float32], prompt: Prompt, settings: BlendSettings) -> Expansion:
    """The expansion from next-term logits (V,), see `recalled_terms`. What UNK_ID holds lowers the confidence. If the
    query contains the whole vocabulary, the expansion is empty and its confidence 0."""
    return recalled_terms(logits, prompt, settings.expansion_terms).expansion(settings)


def added_words(query: str, corrected: str | None, analysis: Analysis) -> tuple[str, ...]:
    """The words that a correction adds to a query; empty without a correction."""
    if corrected is None:
        return ()
    return tuple((Counter(analysis.keywords(corrected)) - Counter(analysis.keywords(query))).elements())


def context_words(request: RewriteRequest, analysis: Analysis) -> tuple[str, ...]:
    """Words of the session's latest earlier queries that the query lacks, one for each index term, oldest first."""
    present = set(analysis.terms(request.query))
    word_of: dict[str, str] = {}
    for query in request.history[-MAX_CONTEXT:]:
        for word in analysis.words(query):
            term = analysis.term_of(word)
            if term is not None and term not in present:
                word_of.setdefault(term, word)
    return tuple(word_of.values())


def context_as_typed(words: Sequence[str], request: RewriteRequest, analysis: Analysis) -> tuple[str, ...]:
    """The keywords of earlier queries that context words are from; they differ from these in scripts without spaces,
    whose words are bigrams."""
    keyword_of: dict[str, str] = {}
    for query in request.history[-MAX_CONTEXT:]:
        for keyword in analysis.keywords(query):
            for word in analysis.words(keyword):
                keyword_of.setdefault(word, keyword)
    return tuple(dict.fromkeys(keyword_of.get(word, word) for word in words))


def original_clauses(query: str, corrections: Sequence[str], n_known: int) -> Clauses:
    """Query and corrections as clauses in which each term weighs 1/|query|; `n_known` is the number of the query's
    terms that the corpus contains. The clauses alone rank documents as the corrected query does."""
    share = 1.0 / max(n_known + len(corrections), 1)
    return ((query, share), *((word, share) for word in corrections))


def context_share(n_typed: int, n_context: int, limit: float) -> float:
    """Share of the original's weight that `n_context` words of earlier queries get beside `n_typed` terms of the
    query: each context word weighs as much as a term of the query, all together at most `limit`.

    Guan, Zhang & Yang, "Utilizing Query Change for Session Search", SIGIR 2013, weigh each word by the session's
    later queries; that brought no gain here."""
    return min(limit, n_context / (n_context + max(n_typed, 1)))


def with_context(original: Clauses, context: Sequence[str], n_typed: int, limit: float) -> Clauses:
    """The clauses of a query of `n_typed` terms that the corpus contains, followed by the context words, which divide
    their share equally; `limit` is the largest share."""
    if not context or limit <= 0:
        return original
    share = context_share(n_typed, len(context), limit)
    lowered = tuple((text, weight * (1.0 - share)) for text, weight in original)
    return (*lowered, *((word, share / len(context)) for word in context))


def compose(
    original: Sequence[Clause],
    feedback: Sequence[Clause],
    expansion: Sequence[Clause],
    settings: BlendSettings,
) -> WeightedQuery:
    """The blended query of the three parts; the weight of an empty part is not given to the others."""
    parts = ((original, settings.original), (feedback, settings.feedback), (expansion, settings.rewrite))
    return WeightedQuery(tuple((text, share * weight) for part, share in parts if share > 0 for text, weight in part))


def surface_terms(expansion: Expansion, vocabulary: TermVocabulary) -> Clauses:
    """The expansion as readable words with weights."""
    return tuple(zip(vocabulary.surfaces_of(expansion.ids), expansion.weights.tolist(), strict=True))


def readable_terms(expansion: Expansion, vocabulary: TermVocabulary) -> Clauses:
    """The expansion as people read it, with weights that sum to 1, heaviest first: the bigrams of a word are this
    word, with the weight of the heaviest of them, and fragments of words are left out. Without `whole_words`, as in
    scripts with spaces, it equals `surface_terms`."""
    weights: dict[str, float] = {}
    for token, weight in zip(expansion.ids.tolist(), expansion.weights.tolist(), strict=True):
        if word := vocabulary.word(token):
            weights.setdefault(word, weight)  # the terms come heaviest first
    total = sum(weights.values())
    return tuple((word, weight / total) for word, weight in weights.items())


def readable(corrected: str, expansion: Sequence[tuple[str, float]], analysis: Analysis) -> str:
    """The rewritten query as text: the corrected query and the heaviest expansion words that have no index term of
    it, nor of each other."""
    present = set(analysis.terms(corrected))
    text = [corrected.strip()]
    for word, _ in expansion:
        terms = analysis.terms(word)
        if present.isdisjoint(terms):
            present.update(terms)
            text.append(word)
            if len(text) > READABLE_TERMS:
                break
    return " ".join(text)
