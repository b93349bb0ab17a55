"""Scores a policy on held-out queries, and chooses the blend on them: weights, number of terms, context, gate."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from untilclick.rewriter.caution import CAUTIONS, Caution, HarmSetting, named
from untilclick.rewriter.data.corpus_scorer import CorpusScorer
from untilclick.rewriter.data.environment import TrainingQuery
from untilclick.rewriter.data.show import Count, Units, unseen
from untilclick.rewriter.language.prompts import Prompt
from untilclick.rewriter.serving.blend import BlendSettings, Recall, cold_starts
from untilclick.rewriter.serving.readings.meaning import Meaning
from untilclick.rewriter.serving.term_rewriter import NextTermLogits
from untilclick.rewriter.training.blend_grid import GRID_CONTEXT, expansion_shapes, mixed, weighted
from untilclick.rewriter.training.blend_scores import BlendCandidate, BlendScores, ReadQueries
from untilclick.rewriter.training.made_queries.choice import Candidates, StrataRecord, held_by_strata, unchosen
from untilclick.rewriter.training.made_queries.strata import OverlapStrata, shared_words
from untilclick.rewriter.training.prominence.document_prior import FurtherNeeds, prior_candidate
from untilclick.rewriter.training.scored import Floats, Needs, Scored, Strata, mean_of, standard_error
from untilclick.search.engines.vectors.encoded_corpus import EncodedCorpus
from untilclick.search.measures.metrics import HARM_MARGIN

CHOICE = "choosing the blend"
"""Name of this part of a training, for its progress."""
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
    strata: StrataRecord | None = None
    """How queries made from documents chose it; None for other queries, and without a sentence encoder."""

    @classmethod
    def of_cold_start(cls, caution: HarmSetting = "balanced", *, encoded: bool = False) -> BlendChoice:
        """The choice without validation queries, with or without a sentence encoder."""
        starts = cold_starts(encoded=encoded)
        return cls(starts[named(caution)], 0.0, 0.0, blends=dict(starts))


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

    candidate: BlendCandidate
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
        self.blends = BlendScores(scorer, prompts, queries)
        """The queries, on which blends are scored."""
        limits = (
            (EARLIER_HARM_LIMIT, EARLIER_CLICKED_HARM_LIMIT) if needs is None else (HARM_LIMIT, CLICKED_HARM_LIMIT)
        )
        self._balanced_limit = limits[self.blends.by_clicks]
        self._queries, self._index = queries, scorer.index
        self._by_overlap: OverlapStrata | None = None
        self._strata: Strata | None = None
        self._further: Callable[[], FurtherNeeds | None] = _no_further

    def __len__(self) -> int:
        """Number of queries."""
        return len(self.blends)

    def with_meaning(self, meaning: Meaning, encoded: EncodedCorpus, *, made: bool = False) -> ValidationSet:
        """The same queries read by a sentence encoder as well: blends mix words and documents by meaning. `made`:
        whether the queries are words of the documents that they want."""
        if not len(self):
            return self
        read = copy(self)
        read.blends = self.blends.with_meaning(meaning, encoded)
        if made and not self.blends.by_clicks:
            by_overlap = OverlapStrata.of(shared_words(self._queries, self._index), self._needs)
            read._by_overlap, read._strata = by_overlap, by_overlap.equal() if by_overlap.are_enough else None
        return read

    def with_further(self, further: Callable[[], ValidationSet | None]) -> ValidationSet:
        """The same queries, with queries of needs that were learned from. These choose the weight of the documents'
        prominence as well where a blend reads nothing learned; `further` makes them when they are first needed."""

        def needs_of_further() -> FurtherNeeds | None:
            made = further()
            return None if made is None else FurtherNeeds(made.blends, made._needs)

        other = copy(self)
        other._further = cache(needs_of_further)
        return other

    @property
    def original_ndcg(self) -> float:
        """Mean nDCG@10 of the original queries; 0 without queries."""
        return self._mean(self.blends.original_ndcg) if len(self) else 0.0

    def score(self, read: NextTermLogits, settings: BlendSettings) -> float:
        """Mean nDCG@10 of the blended queries; 0 without queries."""
        return self.best_score(read, [settings]).mean

    def best_score(self, read: NextTermLogits, blends: Sequence[BlendSettings]) -> Scored:
        """The nDCG@10 in the best of several blends; 0 without queries."""
        if not len(self):
            return Scored(0.0)
        queries = self.blends.read_by(read)
        values = (each.ndcg for each in self.blends.candidates(blends, queries))
        best = max(values, key=self._mean)
        return self._scored(self._mean(best), best)

    def choose_blend(self, read: NextTermLogits, units: Units = unseen) -> BlendChoice:
        """The choice for the caution of the training, with the blends of the others; see `choices` and
        `with_priors`."""
        return self.chosen(self.with_priors(self.choices(read, units), read))

    def with_priors(
        self, choices: Mapping[HarmSetting, BlendChoice], read: NextTermLogits
    ) -> dict[HarmSetting, BlendChoice]:
        """The choices, each with the weight of the documents' prominence that is the best, see `prior_candidate`."""
        if not len(self) or not self.blends.has_prior:
            return dict(choices)
        queries = self.blends.read_by(read)
        return {caution: self._with_prior(choice, caution, queries) for caution, choice in choices.items()}

    def _with_prior(self, choice: BlendChoice, caution: HarmSetting, queries: ReadQueries) -> BlendChoice:
        further = self._further() if not choice.settings.learned_share else None
        original = self.blends.original_ndcg
        if further is not None:
            original = np.concatenate((original, further.blends.original_ndcg))

        def excess(ndcg: Floats) -> float:
            harmed, helped = ndcg < original - HARM_MARGIN, ndcg > original + HARM_MARGIN
            return self._tolerance(caution).excess(float(harmed.mean()), float(helped.mean()))

        best = prior_candidate(choice.settings, self.blends, queries, self._needs, excess, further)
        if best is None:
            return choice
        harmed_share = self.harmed_share(best.ndcg)
        return replace(choice, settings=best.settings, ndcg=self._mean(best.ndcg), harmed=harmed_share)

    def chosen(self, choices: Mapping[HarmSetting, BlendChoice]) -> BlendChoice:
        """Of the choices for every caution the one of the training, with the blends of all."""
        blends = {caution: choices[caution].settings for caution in CAUTIONS}
        return replace(choices[self.caution], blends=blends)

    def choices(self, read: NextTermLogits, units: Units = unseen) -> dict[HarmSetting, BlendChoice]:
        """For each caution, and for the limit that a training names: from the grid the blend of the best mean among
        those that harm few queries, or the blend that harms least if all harm many. `units` is told the progress.

        Weights, `full_gap` and the shape of the expansion are chosen first, then the limit of the context, then the
        gate. With a sentence encoder that happens three times: for what it recalls alone, then with the policy's
        scores of documents in place of its cosines, then for what the policy recalls.
        A blend is chosen in place of the one before only if its lead is unlikely to be due to chance; the first is
        that of a cold start, which is chosen without queries, too. For grades by clicks see `_learned_unless_worse`.

        With an encoder, queries that were made from the documents choose by strata: they type the words of what they
        want, so that pooled they would give the words as typed most of the weight, and people's own questions would
        lose a third of their nDCG@10 (docs/experiments.md, 2026-11-30). What does not hold in a stratum that did not
        choose it is left (`made_queries/choice.py`).
        """
        cautions: tuple[HarmSetting, ...] = tuple(dict.fromkeys((*CAUTIONS, self.caution)))
        encoded = self.blends.has_meaning
        if not len(self):
            return {caution: BlendChoice.of_cold_start(caution, encoded=encoded) for caution in cautions}
        queries = self.blends.read_by(read)
        starts = [cold_starts(encoded=encoded)[named(caution)] for caution in cautions]
        chosen = dict(zip(cautions, self.blends.candidates(starts, queries), strict=True))
        if encoded and self.blends.by_clicks:
            chosen = self._learned_unless_worse(chosen, queries, units)
        elif self._by_overlap is not None:
            return self._choices_by_strata(self._by_overlap, chosen, queries, units)
        else:
            for ranked in self._grids(queries, units):
                chosen = self._led_by(ranked, chosen, queries)
        return {caution: self._with_gate(candidate) for caution, candidate in chosen.items()}

    def _choices_by_strata(
        self, by: OverlapStrata, starts: Candidates, queries: ReadQueries, units: Units
    ) -> dict[HarmSetting, BlendChoice]:
        """The choices by queries made from documents: the cold starts unless the strata choose other blends, which
        hold where they were not chosen, with the limit of the context of a cold start. Where the weights stay, the
        strata may still choose what the policy learned in place of what the encoder says, see `_learned`."""
        if self._strata is None:
            nothing = unchosen(by)
            return {caution: replace(self._with_gate(start), strata=nothing) for caution, start in starts.items()}
        grids, chosen = list(self._grids(queries, units)), starts
        for ranked in grids:
            chosen = self._led_by(ranked, chosen, queries)

        def choose(strata: Strata) -> Candidates:
            others, best = self._over(strata), starts
            for ranked in grids:
                best = others._led_by([others._ranked(each.candidate) for each in ranked], best)
            return best

        records = held_by_strata(by, chosen, starts, choose)
        if not all(record.changes for record in records.values()):
            recalled, held = self._recalled_by_strata(by, starts, queries)
            for caution, record in records.items():
                if not record.changes and held[caution].changes:
                    records[caution] = replace(record, recalled=held[caution].best)
                    chosen = {**chosen, caution: recalled[caution]}
        return {
            caution: replace(self._with_gate((chosen if record.changes else starts)[caution]), strata=record)
            for caution, record in records.items()
        }

    def _recalled_by_strata(
        self, by: OverlapStrata, starts: Candidates, queries: ReadQueries
    ) -> tuple[Candidates, dict[HarmSetting, StrataRecord]]:
        """For each caution the cold start with what the policy learned, in the form that the strata choose, and how
        it holds where it was not chosen."""
        learned = self._learned(starts, queries)

        def choose(strata: Strata) -> Candidates:
            return {
                caution: max(each, key=lambda candidate: strata.mean(candidate.ndcg))
                for caution, each in learned.items()
            }

        recalled = choose(by.equal())
        return recalled, held_by_strata(by, recalled, starts, choose)

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
        balanced = caution == "balanced" and self.blends.has_meaning
        return _Tolerance(self.harm_limit(caution), HARMED_PER_HELPED if balanced else 0.0)

    def _excess(self, ndcg: Floats, caution: HarmSetting) -> float:
        """The share of queries that are harmed beyond what the caution accepts, by their nDCG@10 (B,)."""
        return self._tolerance(caution).excess(self.harmed_share(ndcg), self._helped_share(ndcg))

    def _helped_share(self, ndcg: Floats) -> float:
        """Share of the queries whose nDCG@10 (B,) is more than `HARM_MARGIN` above that of their originals, 0..1."""
        return self._mean(ndcg > self.blends.original_ndcg + HARM_MARGIN)

    def harmed_share(self, ndcg: Floats) -> float:
        """Share of the queries whose nDCG@10 (B,) is more than `HARM_MARGIN` below that of their originals, 0..1."""
        return self._mean(ndcg < self.blends.original_ndcg - HARM_MARGIN)

    def _mean(self, values: Floats | NDArray[np.bool_]) -> float:
        """The mean of values (B,), over strata for queries made from documents."""
        return mean_of(values, self._strata)

    def _scored(self, mean: float, values: Floats) -> Scored:
        return Scored(mean, values, self._known_needs, self._strata)

    def _over(self, strata: Strata) -> ValidationSet:
        """The same queries with means over other strata."""
        other = copy(self)
        other._strata = strata
        return other

    def _most_learned(self, ranked: Sequence[RankedBlend], tolerance: _Tolerance) -> BlendCandidate:
        """Of the blends that cannot be told from the best, the one in which the rewrite weighs most.

        Held-out needs show what is learned of words; what is learned of needs helps when they return, as most do, and
        shows on no held-out need. Without needs, the best."""
        best = max(ranked, key=lambda each: each.worth(tolerance))
        if self._known_needs is None:
            return best.candidate
        of_best = self._scored(best.mean, best.candidate.ndcg)
        level = (
            each
            for each in ranked
            if each.worth(tolerance).negative_excess >= best.worth(tolerance).negative_excess
            and self._scored(each.mean, each.candidate.ndcg).is_level_with(of_best)
        )
        most = max(
            level, key=lambda each: (each.candidate.settings.learned_share, each.worth(tolerance)), default=best
        )
        return most.candidate

    def _grids(self, queries: ReadQueries, units: Units) -> Iterator[list[RankedBlend]]:
        """The blends of the grid that read the same, see `_sources`."""
        sources = self._sources(queries)
        n_each = len(list(expansion_shapes("policy"))) + bool(self.blends.later.size)
        count = Count(units, len(sources) * n_each, CHOICE)
        for recall, documents in sources:
            ranked: list[RankedBlend] = []
            for shape in expansion_shapes(recall, documents):
                blends = mixed(shape) if self.blends.has_meaning else weighted(shape)
                ranked += map(self._ranked, self.blends.candidates(list(blends), queries))
                count.advance()
            yield ranked
            if self.blends.later.size:
                count.advance()

    def _sources(self, queries: ReadQueries) -> list[tuple[Recall, Recall | None]]:
        """Whose words and whose scores of documents blends read, the least learned first: with an encoder its own,
        then its words with the policy's scores of documents, if there are any, then both of the policy."""
        if not self.blends.has_meaning:
            return [("policy", None)]
        scored: list[tuple[Recall, Recall | None]] = [("meaning", "policy")] if queries.has_scores else []
        return [("meaning", None), *scored, ("policy", None)]

    def _led_by(
        self, ranked: Sequence[RankedBlend], chosen: Candidates, queries: ReadQueries | None = None
    ) -> dict[HarmSetting, BlendCandidate]:
        """For each caution the best of these blends, or what was chosen before if the best leads by chance. The
        best limit of the context is looked for if `queries` are given."""
        best = {caution: self._most_learned(ranked, self._tolerance(caution)) for caution in chosen}
        if queries is not None and self.blends.later.size:
            best = self._in_best_context(best, queries)
        return {caution: self._unless_by_chance(best[caution], before, caution) for caution, before in chosen.items()}

    def _in_best_context(
        self, best: Mapping[HarmSetting, BlendCandidate], queries: ReadQueries
    ) -> dict[HarmSetting, BlendCandidate]:
        """The blend of each caution in its best context."""
        limits = {
            limit: {caution: replace(each.settings, context=limit) for caution, each in best.items()}
            for limit in GRID_CONTEXT
        }
        blends = [blend for of_limit in limits.values() for blend in of_limit.values()]
        ranked = {each.settings: self._ranked(each) for each in self.blends.candidates(blends, queries)}
        return {
            caution: _first_best(
                [ranked[of_limit[caution]] for of_limit in limits.values()], self._tolerance(caution)
            )
            for caution in best
        }

    def _ranked(self, candidate: BlendCandidate) -> RankedBlend:
        ndcg = candidate.ndcg
        return RankedBlend(candidate, self._mean(ndcg), self.harmed_share(ndcg), self._helped_share(ndcg))

    def _unless_by_chance(
        self, best: BlendCandidate, default: BlendCandidate, caution: HarmSetting
    ) -> BlendCandidate:
        """The best blend, or the default if its harm is acceptable and the best blend leads by at most one standard
        error by need (Breiman et al., "Classification and Regression Trees", 1984, 3.4.3): of some thousand settings
        tried on few needs, one always looks good."""
        lead = best.ndcg - default.ndcg  # (B,)
        acceptable = self._excess(default.ndcg, caution) <= self._excess(best.ndcg, caution)
        by_chance = self._mean(lead) <= standard_error(lead, self._needs, self._strata)
        return default if acceptable and by_chance else best

    def _learned_unless_worse(
        self, starts: Mapping[HarmSetting, BlendCandidate], queries: ReadQueries, units: Units
    ) -> dict[HarmSetting, BlendCandidate]:
        """For each caution a cold start by meaning with what the policy learned in place of what the encoder says,
        unless that is worse by more than one standard error, see `_learned`.

        For grades by clicks, which cannot choose weights: what was clicked was found by the words as typed, and so
        are all documents that these rankings are compared on. On NFCorpus clicks put .7 on the typed words, where
        judgments put .2 (docs/experiments.md, 2026-11-30)."""
        learned = self._learned(starts, queries, units)
        best = {caution: max(each, key=_mean_ndcg) for caution, each in learned.items()}
        return {caution: self._unless_worse(best[caution], start) for caution, start in starts.items()}

    def _learned(
        self, starts: Candidates, queries: ReadQueries, units: Units = unseen
    ) -> dict[HarmSetting, list[BlendCandidate]]:
        """For each caution its cold start with words and scores of documents of the policy, in every shape, and with
        its scores of documents alone, if it gives any: the encoder's words keep the shape that suits them."""
        shapes = list(expansion_shapes("policy"))
        count = Count(units, len(shapes), CHOICE)
        learned: dict[HarmSetting, list[BlendCandidate]] = {caution: [] for caution in starts}
        for shape in shapes:
            blends = [replace(shape, mixture=start.settings.mixture) for start in starts.values()]
            for caution, candidate in zip(starts, self.blends.candidates(blends, queries), strict=True):
                learned[caution].append(candidate)
            count.advance()
        if queries.has_scores:
            blends = [replace(start.settings, documents="policy") for start in starts.values()]
            for caution, candidate in zip(starts, self.blends.candidates(blends, queries), strict=True):
                learned[caution].append(candidate)
        return learned

    def _unless_worse(self, learned: BlendCandidate, start: BlendCandidate) -> BlendCandidate:
        """What was learned, or the start if that leads by more than one standard error by need."""
        lag = start.ndcg - learned.ndcg  # (B,)
        return start if lag.mean() > standard_error(lag, self._needs) else learned

    def _with_gate(self, candidate: BlendCandidate) -> BlendChoice:
        """The blend with the confidence threshold of the best mean; without a gate if none gains `GATE_MARGIN`, and
        for a mixture, whose weights follow each query."""
        ndcg, confidence = candidate.ndcg, candidate.confidence
        threshold, score, harmed = 0.0, self._mean(ndcg), self.harmed_share(ndcg)
        floor = score + GATE_MARGIN
        for quantile in GATE_QUANTILES[1:] if candidate.settings.mixture is None else ():
            candidate_threshold = float(np.quantile(confidence, quantile))
            gated = np.where(confidence >= candidate_threshold, ndcg, self.blends.original_ndcg)  # (B,)
            if float(gated.mean()) > max(score, floor):
                threshold, score, harmed = candidate_threshold, float(gated.mean()), self.harmed_share(gated)
        settings = replace(candidate.settings, min_confidence=threshold, corrections=self.corrections)
        return BlendChoice(settings, score, self.original_ndcg, harmed)


def _no_further() -> None:
    """No further needs."""


def _first_best(ranked: Sequence[RankedBlend], tolerance: _Tolerance) -> BlendCandidate:
    """The blend of the largest worth, the first of equals."""
    return max(ranked, key=lambda each: each.worth(tolerance)).candidate


def _mean_ndcg(candidate: BlendCandidate) -> float:
    return float(candidate.ndcg.mean())
