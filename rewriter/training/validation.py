"""Scoring a policy on held-out queries, and choosing the blend there: weights, number of terms, gate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from untilclick.rewriter.data.corpus_scorer import CorpusScorer
from untilclick.rewriter.data.environment import FEEDBACK_TERMS, TrainingQuery, grade_matrix, ideal_grades
from untilclick.rewriter.data.rewards import NdcgReward
from untilclick.rewriter.language.prompts import Prompt
from untilclick.rewriter.serving.blend import COLD_START, BlendSettings, expand, score_gap
from untilclick.rewriter.serving.term_rewriter import NextTermLogits
from untilclick.search.measures.metrics import HARM_MARGIN

GRID_TERMS = (20, 60, 200)
"""Many terms of small weight find more, and harm less, than few of large weight; 200 cost the default engine 2 ms."""
GRID_SHARPNESS = (0.2, 0.35, 0.6, 1.0)
"""Mostly flatter than the policy: it is surer of queries like those it was trained on than of new ones."""
GRID_WEIGHTS = tuple(
    (original / 20, feedback / 20, (20 - original - feedback) / 20)
    for original in (4, 5, 6, 7, 8, 10, 12, 14, 16, 17, 18, 19)
    for feedback in (0, 1, 2, 4, 6)
    if original + feedback < 20
)
"""(original, feedback, rewrite); the original keeps at least a fifth."""
GRID_CONTEXT = (0.25, 0.0, 0.1, 0.4, 0.5)
"""Largest shares of the words of earlier queries; the first wins where several are as good."""
HARM_LIMIT = 0.065
"""Largest share of harmed validation queries that a blend may have, where any has less."""
CLICKED_HARM_LIMIT = 0.12
"""The same where clicks on what was shown are the grades: of 10 % by them, about half are harmed by judgments."""
GATE_QUANTILES = (0.0, 0.05, 0.1, 0.2, 0.3)
"""Shares of the least confident rewrites that the gate may hold back."""
GRID_GAPS = (0.0, 0.5)
"""Of `BlendSettings.full_gap`; without comes first and wins where both are as good."""
GATE_MARGIN = 1e-3
"""Gain in nDCG@10 that a gate must bring to be used at all."""


@dataclass(frozen=True)
class BlendChoice:
    """The best settings and their score."""

    settings: BlendSettings
    ndcg: float
    """Mean nDCG@10 over the validation queries."""
    original_ndcg: float
    """The same for the original queries."""


class _Scored(NamedTuple):
    """Scores of what was typed."""

    originals: Tensor
    """(B, D)"""
    feedback: Tensor
    """(B, D) of its relevance model."""
    gaps: NDArray[np.float32]
    """(B,) `score_gap` of the originals."""

    def blended(self, expansions: Tensor, settings: BlendSettings) -> Tensor:
        """(B, D) with the expansions' (B, D), each query with the weights that its first list leaves."""
        shares = torch.from_numpy(settings.shares(self.gaps))[:, None]
        feedback, rewrite = settings.feedback * shares, settings.rewrite * shares
        return (1.0 - feedback - rewrite) * self.originals + feedback * self.feedback + rewrite * expansions


class ValidationSet:
    """Held-out queries with everything that does not depend on the policy computed once."""

    def __init__(
        self,
        scorer: CorpusScorer,
        prompts: Sequence[Prompt],
        queries: Sequence[TrainingQuery],
        *,
        corrections: bool = True,
        harm_limit: float | None = None,
    ) -> None:
        """`corrections` says whether the queries' terms hold corrections; it is passed on in the chosen blend.
        `harm_limit`: see `HARM_LIMIT`, which with `CLICKED_HARM_LIMIT` is meant by None."""
        assert len(prompts) == len(queries)
        self.corrections = corrections
        self._scorer = scorer
        self._prompts = prompts
        self._reward = NdcgReward()
        grades = grade_matrix(queries, scorer)
        self._grades = grades.toarray()
        self._ideal = ideal_grades(grades, self._reward.depth)
        self._left_out = _left_out(queries, scorer)
        usual = HARM_LIMIT if self._left_out is None else CLICKED_HARM_LIMIT
        self._harm_limit = usual if harm_limit is None else harm_limit
        self._typed = [query.terms for query in queries]
        self._contexts = [query.context for query in queries]
        self._later = np.flatnonzero([bool(context) for context in self._contexts])
        self._typed_alone = self._scored(np.arange(len(queries)), limit=0.0)
        self._in_context: dict[float, _Scored] = {}  # of the last limit
        self._original_ndcg = self._ndcg(self._typed_alone.originals)

    def __len__(self) -> int:
        """Number of queries."""
        return len(self._prompts)

    @property
    def original_ndcg(self) -> float:
        """Mean nDCG@10 of the original queries; 0 without queries."""
        return float(self._original_ndcg.mean()) if len(self) else 0.0

    def score(self, read: NextTermLogits, settings: BlendSettings) -> float:
        """Mean nDCG@10 of the blended queries; 0 without queries."""
        return self.best_score(read, [settings])

    def best_score(self, read: NextTermLogits, blends: Sequence[BlendSettings]) -> float:
        """The best mean nDCG@10 of some blends; 0 without queries."""
        if not self._prompts:
            return 0.0
        logits = read(self._prompts)
        shapes = {(blend.expansion_terms, blend.sharpness): blend for blend in blends}
        expansions = {shape: self._expansions(logits, blend)[0] for shape, blend in shapes.items()}
        blended = (self._blend(expansions[blend.expansion_terms, blend.sharpness], blend) for blend in blends)
        return max(float(self._ndcg(scores).mean()) for scores in blended)

    def choose_blend(self, read: NextTermLogits) -> BlendChoice:
        """Of the grid, the best mean among the blends that harm few queries, or the least harm where none does: first
        weights, whether they follow the gap, and shape of the expansion, then the limit of the context; then the
        gate. `COLD_START` without queries, and where what is best here may be so by chance."""
        if not self._prompts:
            return BlendChoice(COLD_START, 0.0, 0.0)
        logits = read(self._prompts)
        ranked: list[tuple[tuple[float, float], BlendSettings]] = []
        for shape in _expansion_shapes():
            expansions, _ = self._expansions(logits, shape)
            ranked += [(self._worth(expansions, blend), blend) for blend in _weighted(shape)]
        best = _first_best(ranked)
        if self._later.size:
            expansions, _ = self._expansions(logits, best)
            limited = [replace(best, context=context) for context in GRID_CONTEXT]
            best = _first_best([(self._worth(expansions, blend), blend) for blend in limited])
        return self._with_gate(*self._unless_by_chance(best, logits))

    def _unless_by_chance(
        self, best: BlendSettings, logits: NDArray[np.float32]
    ) -> tuple[BlendSettings, NDArray[np.float64], NDArray[np.float64]]:
        """Settings, nDCG@10 of each query and confidences. They are those of `COLD_START` where it harms as few as it
        may and the best is ahead of it by no more than one standard error (Breiman et al., "Classification and
        Regression Trees", 1984, 3.4.3): of some thousand settings tried on few queries, one always looks good."""
        (ndcg, confidence), (default_ndcg, default_confidence) = (
            (self._ndcg(self._blend(expansions, blend)), confidence)
            for blend in (best, COLD_START)
            for expansions, confidence in [self._expansions(logits, blend)]
        )
        ahead = ndcg - default_ndcg
        may = self.harmed_share(default_ndcg) <= max(self._harm_limit, self.harmed_share(ndcg))
        if may and ahead.mean() <= ahead.std() / len(self) ** 0.5:
            return COLD_START, default_ndcg, default_confidence
        return best, ndcg, confidence

    def _worth(self, expansions: Tensor, settings: BlendSettings) -> tuple[float, float]:
        """What a blend is chosen by, the larger the better."""
        ndcg = self._ndcg(self._blend(expansions, settings))
        return -max(self.harmed_share(ndcg), self._harm_limit), float(ndcg.mean())

    def harmed_share(self, ndcg: NDArray[np.float64]) -> float:
        """Share of the queries that lose more than `HARM_MARGIN` against their originals, 0..1."""
        return float((ndcg < self._original_ndcg - HARM_MARGIN).mean())

    def _with_gate(
        self, settings: BlendSettings, ndcg: NDArray[np.float64], confidence: NDArray[np.float64]
    ) -> BlendChoice:
        floor = float(ndcg.mean()) + GATE_MARGIN
        threshold, score = 0.0, float(ndcg.mean())
        for quantile in GATE_QUANTILES[1:]:
            candidate = float(np.quantile(confidence, quantile))
            gated = float(np.where(confidence >= candidate, ndcg, self._original_ndcg).mean())
            if gated > max(score, floor):
                threshold, score = candidate, gated
        chosen = replace(settings, min_confidence=threshold, corrections=self.corrections)
        return BlendChoice(chosen, score, self.original_ndcg)

    def _expansions(self, logits: NDArray[np.float32], settings: BlendSettings) -> tuple[Tensor, NDArray[np.float64]]:
        """(B, D) scores of the expansion terms alone, and (B,) confidences."""
        read = [expand(row, prompt, settings) for row, prompt in zip(logits, self._prompts, strict=True)]
        width = max(one.ids.size for one in read)  # a tiny vocabulary leaves some queries fewer terms than others
        ids, weights = np.zeros((len(read), width), dtype=np.int64), np.zeros((len(read), width), dtype=np.float32)
        for row, one in enumerate(read):
            ids[row, : one.ids.size], weights[row, : one.ids.size] = one.ids, one.weights
        return self._scorer.score_tokens(ids, weights), np.array([one.confidence for one in read])

    def _blend(self, expansions: Tensor, settings: BlendSettings) -> Tensor:
        scores = self._typed_alone.blended(expansions, settings)
        if settings.context > 0 and self._later.size:
            if settings.context not in self._in_context:
                self._in_context = {settings.context: self._scored(self._later, settings.context)}
            in_context = self._in_context[settings.context]
            scores[self._later] = in_context.blended(expansions[self._later], settings)
        return scores

    def _scored(self, rows: NDArray[np.int64], limit: float) -> _Scored:
        """What was typed, with at most `limit` of it context."""
        queries, contexts = ([texts[row] for row in rows] for texts in (self._typed, self._contexts))
        originals = self._scorer.originals(queries, contexts, limit)
        feedback = self._scorer.score_terms(self._scorer.feedback(originals, FEEDBACK_TERMS))
        best = originals.topk(min(2, originals.shape[1]), dim=1).values.tolist()
        gaps = [score_gap([score for score in scores if score > 0]) for scores in best]
        return _Scored(originals, feedback, np.array(gaps, dtype=np.float32))

    def _ndcg(self, scores: Tensor) -> NDArray[np.float64]:
        if self._left_out is not None:
            scores = scores.masked_fill(self._left_out, 0.0)
        with torch.no_grad():
            ranked = self._scorer.rank(scores, self._reward.depth)
        found = np.take_along_axis(self._grades, np.maximum(ranked, 0), axis=1) * (ranked >= 0)
        return self._reward.expected(found, self._ideal)


def _left_out(queries: Sequence[TrainingQuery], scorer: CorpusScorer) -> Tensor | None:
    """(B, D) True where a document is not to be ranked for a query; None where all are for all."""
    if all(query.shown is None for query in queries):
        return None
    rows = scorer.index.doc_rows
    left_out = torch.zeros(len(queries), scorer.n_documents, dtype=torch.bool)
    for place, query in enumerate(queries):
        if query.shown is not None:
            left_out[place] = True
            left_out[place, [rows[doc_id] for doc_id in query.shown if doc_id in rows]] = False
    return left_out


def _expansion_shapes() -> Iterator[BlendSettings]:
    for terms in GRID_TERMS:
        for sharpness in GRID_SHARPNESS:
            yield BlendSettings(expansion_terms=terms, sharpness=sharpness, feedback_terms=FEEDBACK_TERMS)


def _weighted(shape: BlendSettings) -> Iterator[BlendSettings]:
    for gap in GRID_GAPS:
        for original, feedback, rewrite in GRID_WEIGHTS:
            yield replace(shape, original=original, feedback=feedback, rewrite=rewrite, full_gap=gap)


def _first_best(ranked: Sequence[tuple[tuple[float, float], BlendSettings]]) -> BlendSettings:
    return max(ranked, key=itemgetter(0))[1]
