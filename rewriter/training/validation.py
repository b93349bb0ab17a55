"""Scores a policy on held-out queries, and chooses the blend on them: weights, number of terms, context, gate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from untilclick.rewriter.caution import CAUTIONS, Caution, HarmSetting, named
from untilclick.rewriter.data.corpus_scorer import CorpusScorer
from untilclick.rewriter.data.environment import FEEDBACK_TERMS, TrainingQuery, grade_matrix, ideal_grades
from untilclick.rewriter.data.rewards import NdcgReward
from untilclick.rewriter.language.prompts import Prompt
from untilclick.rewriter.serving.blend import BlendSettings, Recall, cold_starts, expand, score_gap
from untilclick.rewriter.serving.readings.meaning import Meaning
from untilclick.rewriter.serving.term_rewriter import ModelReading, NextTermLogits, read_model
from untilclick.rewriter.training.blend_grid import GRID_CONTEXT, expansion_shapes, mixed, weighted
from untilclick.rewriter.training.meant_queries import MeantQueries, MeantScores, scaled
from untilclick.rewriter.training.scored import Floats, Needs, Scored, standard_error
from untilclick.search.engines.vectors.encoded_corpus import EncodedCorpus
from untilclick.search.measures.metrics import HARM_MARGIN

HARM_LIMIT, CLICKED_HARM_LIMIT = 0.12, 0.2
"""Largest share of harmed validation queries that a blend may have if any blend has less: with the grades of topics,
and with clicks as grades, by which about twice as many look harmed. Validation needs are new to the policy. Of needs
that return it harms about half as many: NFCorpus' dev queries, 11 % and 6 % (docs/experiments.md, 2026-11-30)."""
EARLIER_HARM_LIMIT, EARLIER_CLICKED_HARM_LIMIT = 0.065, 0.12
"""The same for runs of earlier versions, whose validation queries share needs with the training."""
HARM_SHARES: Mapping[Caution, float] = {"balanced": 1.0, "cautious": 5 / 12}
"""The part of each limit that a caution allows. With `cautious` that is 5 % of the validation queries, and 8.3 % with
clicks as grades, which exaggerate harm by the same factor. Validation needs are new to the policy, and needs that
return are harmed less often, so that a `cautious` blend harms about 5 % of any queries at most."""
HARMED_PER_HELPED = 0.5
"""Harmed queries that a balanced blend may have for each helped one: meaning changes more rankings than words do, and
what matters is that far more get better than worse."""
GATE_QUANTILES = (0.0, 0.05, 0.1, 0.2, 0.3)
"""Shares of the least confident rewrites that the gate may hold back."""
GATE_MARGIN = 1e-3
"""Smallest gain in mean nDCG@10 for which a gate is used."""


@dataclass(frozen=True)
class BlendChoice:
    """A blend and its score on the validation queries."""

    settings: BlendSettings
    ndcg: float
    """Mean nDCG@10 of the blended queries."""
    original_ndcg: float
    """Mean nDCG@10 of the original queries."""
    harmed: float = 0.0
    """Share of the validation queries that it harms, 0..1."""
    blends: Mapping[Caution, BlendSettings] = field(default_factory=dict)
    """The blend of each caution."""

    @classmethod
    def of_cold_start(cls, caution: HarmSetting = "balanced", *, encoded: bool = False) -> BlendChoice:
        """The choice without validation queries, with or without a sentence encoder."""
        starts = cold_starts(encoded=encoded)
        return cls(starts[named(caution)], 0.0, 0.0, blends=dict(starts))


class _OriginalScores(NamedTuple):
    """Scores of B original queries and of their feedback; D is the number of documents."""

    originals: Tensor
    """(B, D)"""
    feedback: Tensor
    """(B, D) scores of the relevance model."""
    gaps: NDArray[np.float32]
    """(B,) `score_gap` of the originals."""
    meant: MeantScores | None
    """The originals by meaning as well; None without a sentence encoder."""

    def blended(self, expansions: _Expansions, settings: BlendSettings) -> Tensor:
        """(B, D) scores of the blends with expansions. A query whose first ranking is nearly tied gives feedback and
        rewrite less weight, see `BlendSettings.shares`."""
        if settings.mixture is not None:
            assert self.meant is not None
            assert expansions.documents is not None
            return self.meant.mixed(expansions.divided, expansions.documents, settings.mixture)
        shares = torch.from_numpy(settings.shares(self.gaps))[:, None]  # (B, 1)
        feedback, rewrite = settings.feedback * shares, settings.rewrite * shares  # (B, 1)
        return (1.0 - feedback - rewrite) * self.originals + feedback * self.feedback + rewrite * expansions.scores


class _Expansions(NamedTuple):
    """The expansion terms of all B validation queries."""

    scores: Tensor
    """(B, D) scores of the documents by the expansion terms alone."""
    confidence: Floats
    """(B,) probability mass of the expansion terms, by which the gate decides."""
    divided: Tensor
    """(B, D) the scores, each row divided by its maximum."""
    documents: Tensor | None
    """(B, D) likeness of the documents, each row divided by its maximum; None without a sentence encoder."""

    def rows(self, places: NDArray[np.int64]) -> _Expansions:
        """Those of some of the queries."""
        documents = None if self.documents is None else self.documents[places]
        return _Expansions(self.scores[places], self.confidence[places], self.divided[places], documents)


class BlendCandidate(NamedTuple):
    """A blend and what it reaches on each of B queries."""

    settings: BlendSettings
    ndcg: Floats
    """(B,)"""
    confidence: Floats
    """(B,)"""


class _Worth(NamedTuple):
    """Key by which blends are compared; larger is better: less harm than is accepted first, then the mean."""

    negative_excess: float
    """-1 times the share of queries that are harmed beyond what is accepted."""
    ndcg: float


class _Tolerance(NamedTuple):
    """How many queries may be harmed."""

    limit: float
    """Share of the queries, 0..1."""
    per_helped: float = 0.0
    """Harmed queries that are accepted for each that is helped, also above the limit."""

    def excess(self, harmed: float, helped: float) -> float:
        """The share of queries that are harmed beyond what is accepted, if these shares are harmed and helped."""
        return max(harmed - max(self.limit, self.per_helped * helped), 0.0)


class RankedBlend(NamedTuple):
    """A blend of the grid with what ranks it."""

    settings: BlendSettings
    ndcg: Floats
    """(B,)"""
    mean: float
    """Mean nDCG@10."""
    harmed: float
    """Share of harmed queries, 0..1."""
    helped: float
    """Share of helped queries, 0..1."""

    def worth(self, tolerance: _Tolerance) -> _Worth:
        """The key by which it is compared where so much harm is accepted."""
        return _Worth(-tolerance.excess(self.harmed, self.helped), self.mean)


class ValidationSet:
    """Held-out queries, with everything that does not depend on the policy computed once."""

    def __init__(
        self,
        scorer: CorpusScorer,
        prompts: Sequence[Prompt],
        queries: Sequence[TrainingQuery],
        *,
        corrections: bool = True,
        caution: HarmSetting = "balanced",
        needs: Needs | None = None,
    ) -> None:
        """`corrections`: whether the terms of the queries include corrections of unknown words; the chosen blend has
        the same value. `caution`: how much harm the chosen blend may do. `needs` (B,): number of the need of each
        query; None if they are not known."""
        assert len(prompts) == len(queries)
        self._known_needs = needs
        self._needs = np.arange(len(queries)) if needs is None else needs
        self.corrections = corrections
        self.caution = caution
        self._scorer = scorer
        self._prompts = prompts
        self._reward = NdcgReward()
        grades = grade_matrix(queries, scorer)
        self._grades = grades.toarray()  # (B, D)
        self._ideal = ideal_grades(grades, self._reward.depth)  # (B, 10)
        self._left_out = _left_out(queries, scorer)  # (B, D)
        limits = (
            (EARLIER_HARM_LIMIT, EARLIER_CLICKED_HARM_LIMIT) if needs is None else (HARM_LIMIT, CLICKED_HARM_LIMIT)
        )
        self._balanced_limit = limits[self._left_out is not None]
        self._terms = [query.terms for query in queries]
        self._contexts = [query.context for query in queries]
        self._later = np.flatnonzero(
            [bool(context.body) for context in self._contexts]
        )  # (L,) positions of later queries
        self._meant: MeantQueries | None = None
        self._made = False
        self._without_context = self._scored(np.arange(len(queries)), limit=0.0)
        self._in_context: dict[float, _OriginalScores] = {}  # for one limit, the one asked for last
        self._original_ndcg = self._ndcg(self._without_context.originals)  # (B,)

    def __len__(self) -> int:
        """Number of queries."""
        return len(self._prompts)

    def with_meaning(self, meaning: Meaning, encoded: EncodedCorpus, *, made: bool = False) -> ValidationSet:
        """The same queries read by a sentence encoder as well: blends mix words and documents by meaning. `made`:
        whether the queries are words of the documents that they want."""
        if not self._prompts:
            return self
        read = copy(self)
        read._meant = MeantQueries.of(self._prompts, meaning, encoded, self._scorer)
        read._made = made
        read._in_context = {}
        read._without_context = read._scored(np.arange(len(self)), limit=0.0)
        return read

    @property
    def original_ndcg(self) -> float:
        """Mean nDCG@10 of the original queries; 0 without queries."""
        return float(self._original_ndcg.mean()) if len(self) else 0.0

    def score(self, read: NextTermLogits, settings: BlendSettings) -> float:
        """Mean nDCG@10 of the blended queries; 0 without queries."""
        return self.best_score(read, [settings]).mean

    def best_score(self, read: NextTermLogits, blends: Sequence[BlendSettings]) -> Scored:
        """The nDCG@10 in the best of several blends; 0 without queries."""
        if not self._prompts:
            return Scored(0.0)
        reading = read_model(read, self._prompts)
        shapes = {_shape(blend): blend for blend in blends}
        expansions = {shape: self._expansions(reading, blend) for shape, blend in shapes.items()}
        blended = (self._blend(expansions[_shape(blend)], blend) for blend in blends)
        values = max((self._ndcg(scores) for scores in blended), key=lambda ndcg: float(ndcg.mean()))
        return Scored(float(values.mean()), values, self._known_needs)

    def choose_blend(self, read: NextTermLogits) -> BlendChoice:
        """The choice for the caution of the training, with the blends of the others; see `choices`."""
        return self.chosen(self.choices(read))

    def chosen(self, choices: Mapping[HarmSetting, BlendChoice]) -> BlendChoice:
        """Of the choices for every caution the one of the training, with the blends of all."""
        blends = {caution: choices[caution].settings for caution in CAUTIONS}
        return replace(choices[self.caution], blends=blends)

    def choices(self, read: NextTermLogits) -> dict[HarmSetting, BlendChoice]:
        """For each caution, and for the limit that a training names: from the grid the blend of the best mean among
        those that harm few queries, or the blend that harms least if all harm many.

        Weights, `full_gap` and the shape of the expansion are chosen first, then the limit of the context, then the
        gate. With a sentence encoder that happens twice: for what it recalls alone, then for what the policy recalls.
        A blend is chosen in place of the one before only if its lead is unlikely to be due to chance; the first is
        that of a cold start, which is chosen without queries, too. For grades by clicks see `_learned_unless_worse`.

        With an encoder, queries that were made from the documents choose nothing: they type the words of what they
        want, so that the words as typed would get most of the weight, and people's own questions would lose a third
        of their nDCG@10 (docs/experiments.md, 2026-11-30).
        """
        cautions: tuple[HarmSetting, ...] = tuple(dict.fromkeys((*CAUTIONS, self.caution)))
        if not self._prompts:
            encoded = self._meant is not None
            return {caution: BlendChoice.of_cold_start(caution, encoded=encoded) for caution in cautions}
        reading = read_model(read, self._prompts)
        chosen = {caution: self._candidate(self._cold_start(caution), reading) for caution in cautions}
        if self._meant is not None and self._left_out is not None:
            chosen = {caution: self._learned_unless_worse(start, reading) for caution, start in chosen.items()}
            return {caution: self._with_gate(candidate) for caution, candidate in chosen.items()}
        if self._made:
            return {caution: self._with_gate(start) for caution, start in chosen.items()}
        recalls: tuple[Recall, ...] = ("policy",) if self._meant is None else ("meaning", "policy")
        for recall in recalls:
            best = self._best_of_grid(recall, reading, cautions)
            for caution, blend in best.items():
                candidate = self._candidate(blend, reading)
                chosen[caution] = self._unless_by_chance(candidate, chosen[caution], caution)
        return {caution: self._with_gate(candidate) for caution, candidate in chosen.items()}

    def without_gate(self, read: NextTermLogits, settings: BlendSettings) -> BlendChoice:
        """The blend of an earlier model as a choice, without the gate, which was set for that model's confidences."""
        ungated = replace(settings, min_confidence=0.0)
        scored = self.best_score(read, [ungated])
        harmed = 0.0 if scored.values is None else self.harmed_share(scored.values)
        return BlendChoice(ungated, scored.mean, self.original_ndcg, harmed)

    def harm_limit(self, caution: HarmSetting) -> float:
        """Largest share of the queries that a blend may harm if any blend harms less, 0..1."""
        return caution if isinstance(caution, float | int) else HARM_SHARES[caution] * self._balanced_limit

    def _tolerance(self, caution: HarmSetting) -> _Tolerance:
        """Blends that read meaning may harm more queries than the limit, if they help more in proportion."""
        balanced = caution == "balanced" and self._meant is not None
        return _Tolerance(self.harm_limit(caution), HARMED_PER_HELPED if balanced else 0.0)

    def _excess(self, ndcg: Floats, caution: HarmSetting) -> float:
        """The share of queries that are harmed beyond what the caution accepts, by their nDCG@10 (B,)."""
        return self._tolerance(caution).excess(self.harmed_share(ndcg), self._helped_share(ndcg))

    def _helped_share(self, ndcg: Floats) -> float:
        """Share of the queries whose nDCG@10 (B,) is more than `HARM_MARGIN` above that of their originals, 0..1."""
        return float((ndcg > self._original_ndcg + HARM_MARGIN).mean())

    def harmed_share(self, ndcg: Floats) -> float:
        """Share of the queries whose nDCG@10 (B,) is more than `HARM_MARGIN` below that of their originals, 0..1."""
        return float((ndcg < self._original_ndcg - HARM_MARGIN).mean())

    def _most_learned(self, ranked: Sequence[RankedBlend], tolerance: _Tolerance) -> BlendSettings:
        """Of the blends that cannot be told from the best, the one in which the rewrite weighs most.

        Held-out needs show what is learned of words; what is learned of needs helps when they return, as most do, and
        shows on no held-out need. Without needs, the best."""
        best = max(ranked, key=lambda each: each.worth(tolerance))
        if self._known_needs is None:
            return best.settings
        of_best = Scored(best.mean, best.ndcg, self._known_needs)
        level = (
            each
            for each in ranked
            if each.worth(tolerance).negative_excess >= best.worth(tolerance).negative_excess
            and Scored(each.mean, each.ndcg, self._known_needs).is_level_with(of_best)
        )
        return max(
            level, key=lambda each: (each.settings.learned_share, each.worth(tolerance)), default=best
        ).settings

    def _best_of_grid(
        self, recall: Recall, reading: ModelReading, cautions: Sequence[HarmSetting]
    ) -> dict[HarmSetting, BlendSettings]:
        """For each caution the best blend of the grid that reads these words, in the best context."""
        ranked: list[RankedBlend] = []
        for shape in expansion_shapes(recall):
            expansions = self._expansions(reading, shape)
            ranked += self._ranked(expansions, weighted(shape) if self._meant is None else mixed(shape))
        best = {caution: self._most_learned(ranked, self._tolerance(caution)) for caution in cautions}
        if not self._later.size:
            return best
        in_contexts = self._in_contexts(best.values(), reading)
        return {caution: _first_best(in_contexts[blend], self._tolerance(caution)) for caution, blend in best.items()}

    def _in_contexts(
        self, blends: Iterable[BlendSettings], reading: ModelReading
    ) -> dict[BlendSettings, list[RankedBlend]]:
        """Each of the blends in every context of the grid."""
        expansions = {blend: self._expansions(reading, blend) for blend in dict.fromkeys(blends)}
        ranked: dict[BlendSettings, list[RankedBlend]] = {blend: [] for blend in expansions}
        for limit in GRID_CONTEXT:  # the outer loop, because the scores in only one context are kept
            for blend, scores in expansions.items():
                ranked[blend] += self._ranked(scores, [replace(blend, context=limit)])
        return ranked

    def _ranked(self, expansions: _Expansions, blends: Iterable[BlendSettings]) -> list[RankedBlend]:
        values = ((self._ndcg(self._blend(expansions, blend)), blend) for blend in blends)
        return [
            RankedBlend(blend, ndcg, float(ndcg.mean()), self.harmed_share(ndcg), self._helped_share(ndcg))
            for ndcg, blend in values
        ]

    def _unless_by_chance(
        self, best: BlendCandidate, default: BlendCandidate, caution: HarmSetting
    ) -> BlendCandidate:
        """The best blend, or the default if its harm is acceptable and the best blend leads by at most one standard
        error by need (Breiman et al., "Classification and Regression Trees", 1984, 3.4.3): of some thousand settings
        tried on few needs, one always looks good."""
        lead = best.ndcg - default.ndcg  # (B,)
        acceptable = self._excess(default.ndcg, caution) <= self._excess(best.ndcg, caution)
        return default if acceptable and lead.mean() <= standard_error(lead, self._needs) else best

    def _learned_unless_worse(self, start: BlendCandidate, reading: ModelReading) -> BlendCandidate:
        """A cold start by meaning with what the policy recalls in place of what the encoder does, unless that is
        worse by more than one standard error.

        For grades by clicks, which cannot choose weights: what was clicked was found by the words as typed, and so
        are all documents that these rankings are compared on. On NFCorpus clicks put .7 on the typed words, where
        judgments put .2 (docs/experiments.md, 2026-11-30)."""
        shapes = (replace(shape, mixture=start.settings.mixture) for shape in expansion_shapes("policy"))
        learned = max((self._candidate(shape, reading) for shape in shapes), key=lambda each: float(each.ndcg.mean()))
        lag = start.ndcg - learned.ndcg  # (B,)
        return start if lag.mean() > standard_error(lag, self._needs) else learned

    def _candidate(self, blend: BlendSettings, reading: ModelReading) -> BlendCandidate:
        expansions = self._expansions(reading, blend)
        return BlendCandidate(blend, self._ndcg(self._blend(expansions, blend)), expansions.confidence)

    def _cold_start(self, caution: HarmSetting) -> BlendSettings:
        return cold_starts(encoded=self._meant is not None)[named(caution)]

    def _with_gate(self, candidate: BlendCandidate) -> BlendChoice:
        """The blend with the confidence threshold of the best mean; without a gate if none gains `GATE_MARGIN`, and
        for a mixture, whose weights follow each query."""
        ndcg, confidence = candidate.ndcg, candidate.confidence
        floor = float(ndcg.mean()) + GATE_MARGIN
        threshold, score, harmed = 0.0, float(ndcg.mean()), self.harmed_share(ndcg)
        for quantile in GATE_QUANTILES[1:] if candidate.settings.mixture is None else ():
            candidate_threshold = float(np.quantile(confidence, quantile))
            gated = np.where(confidence >= candidate_threshold, ndcg, self._original_ndcg)  # (B,)
            if float(gated.mean()) > max(score, floor):
                threshold, score, harmed = candidate_threshold, float(gated.mean()), self.harmed_share(gated)
        settings = replace(candidate.settings, min_confidence=threshold, corrections=self.corrections)
        return BlendChoice(settings, score, self.original_ndcg, harmed)

    def _expansions(self, reading: ModelReading, settings: BlendSettings) -> _Expansions:
        prompts, logits, documents = self._prompts, reading.logits, None
        if self._meant is not None:
            documents = scaled(self._meant.learned(reading.documents if settings.recall == "policy" else None))
        if settings.recall == "meaning":
            assert self._meant is not None
            logits, prompts = self._meant.logits, [replace(prompt, query_ids=()) for prompt in prompts]
        expansions = [expand(row, prompt, settings) for row, prompt in zip(logits, prompts, strict=True)]
        width = max(
            expansion.ids.size for expansion in expansions
        )  # a tiny vocabulary leaves some queries fewer terms
        ids = np.zeros((len(expansions), width), dtype=np.int64)  # (B, T)
        weights = np.zeros((len(expansions), width), dtype=np.float32)  # (B, T), 0 on padding
        for row, expansion in enumerate(expansions):
            ids[row, : expansion.ids.size], weights[row, : expansion.ids.size] = expansion.ids, expansion.weights
        confidence = np.array([expansion.confidence for expansion in expansions])
        scores = self._scorer.score_tokens(ids, weights)
        return _Expansions(scores, confidence, scaled(scores), documents)

    def _blend(self, expansions: _Expansions, settings: BlendSettings) -> Tensor:
        """(B, D) scores of the blended queries; only later queries have a context, so only theirs depend on it."""
        scores = self._without_context.blended(expansions, settings)  # (B, D)
        if settings.context > 0 and self._later.size:
            if settings.context not in self._in_context:
                self._in_context = {settings.context: self._scored(self._later, settings.context)}
            in_context = self._in_context[settings.context]
            scores[self._later] = in_context.blended(expansions.rows(self._later), settings)
        return scores

    def _scored(self, rows: NDArray[np.int64], limit: float) -> _OriginalScores:
        """Scores of the original queries at positions `rows`, whose context gets at most the share `limit`."""
        queries, contexts = ([texts[row] for row in rows] for texts in (self._terms, self._contexts))
        originals = self._scorer.originals(queries, contexts, limit)  # (B, D)
        feedback = self._scorer.score_terms(self._scorer.feedback(originals, FEEDBACK_TERMS))  # (B, D)
        best = originals.topk(min(2, originals.shape[1]), dim=1).values.tolist()
        gaps = [score_gap([score for score in scores if score > 0]) for scores in best]
        meant = None
        if self._meant is not None:
            possible = self._scorer.possible(queries, contexts, limit)
            meant = MeantScores.of(originals, possible, self._meant.cosines[rows], self._meant.surprise[rows])
        return _OriginalScores(originals, feedback, np.array(gaps, dtype=np.float32), meant)

    def _ndcg(self, scores: Tensor) -> Floats:
        """(B,) nDCG@10 of the rankings by scores (B, D)."""
        if self._left_out is not None:
            scores = scores.masked_fill(self._left_out, 0.0)  # a score of 0 is not ranked
        with torch.no_grad():
            ranked = self._scorer.rank(scores, self._reward.depth)  # (B, 10) rows of the corpus, -1 after the end
        grades = np.take_along_axis(self._grades, np.maximum(ranked, 0), axis=1) * (ranked >= 0)  # (B, 10)
        return self._reward.expected(grades, self._ideal)


def _shape(blend: BlendSettings) -> tuple[int, float, Recall]:
    """What decides the expansion terms."""
    return blend.expansion_terms, blend.sharpness, blend.recall


def _left_out(queries: Sequence[TrainingQuery], scorer: CorpusScorer) -> Tensor | None:
    """(B, D) bool, True for documents that are not ranked for a query; None if all are ranked for all queries."""
    if all(query.shown is None for query in queries):
        return None
    rows = scorer.index.doc_rows
    left_out = torch.zeros(len(queries), scorer.n_documents, dtype=torch.bool)
    for position, query in enumerate(queries):
        if query.shown is not None:
            left_out[position] = True
            left_out[position, [rows[doc_id] for doc_id in query.shown if doc_id in rows]] = False
    return left_out


def _first_best(ranked: Sequence[RankedBlend], tolerance: _Tolerance) -> BlendSettings:
    """The blend of the largest worth, the first of equals."""
    return max(ranked, key=lambda each: each.worth(tolerance)).settings
