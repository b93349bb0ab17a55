"""Whether a blend that was chosen by strata holds in strata that did not choose it.

For each stratum a blend is chosen on the others. If one loses to the untrained blend where it was not chosen, by a
standard error or more, the choice follows the strata at hand, and people's queries are yet another mix of them: the
untrained blend stays. One standard error and not two, because a stratum of few needs would pass by weakness: losses
of 1.3 and 1.9 errors in the two lowest strata would have let .7 of the weight go to the typed words
(docs/experiments.md, 2026-11-30). Leaving a group out is the check of Geisser, "The predictive sample reuse method
with applications", JASA 70(350), 1975.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from untilclick.rewriter.caution import HarmSetting
from untilclick.rewriter.serving.blend import Recall
from untilclick.rewriter.serving.readings.mixture import Mixture
from untilclick.rewriter.training.blend_scores import BlendCandidate
from untilclick.rewriter.training.made_queries.strata import LEAST_NEEDS, LEAST_STRATA, N_STRATA, OverlapStrata
from untilclick.rewriter.training.scored import Strata, standard_error

ERRORS = 1.0
"""Standard errors by which a blend has to lose in a stratum that did not choose it to be given up."""

Candidates = Mapping[HarmSetting, BlendCandidate]
"""A blend for each caution."""
Choose = Callable[[Strata], Candidates]
"""Chooses a blend for each caution by strata."""


@dataclass(frozen=True)
class Gain:
    """The mean nDCG@10 of a blend less that of the untrained one."""

    mixture: Mixture | None
    """The weights of the blend."""
    recall: Recall
    """What it recalls its words by."""
    mean: float
    error: float
    """Standard error by need."""
    documents: Recall | None = None
    """Whose scores of documents it reads; None: those of `recall`."""

    @classmethod
    def of(cls, blend: BlendCandidate, start: BlendCandidate, by: OverlapStrata, strata: Strata) -> Gain:
        """The gain of a blend on an untrained one over strata."""
        lead = blend.ndcg - start.ndcg  # (B,)
        error = standard_error(lead, by.needs, strata)
        settings = blend.settings
        return cls(settings.mixture, settings.recall, strata.mean(lead), error, settings.documents)

    @property
    def is_loss(self) -> bool:
        """Whether the blend is worse by `ERRORS` standard errors or more."""
        return self.mean < 0 and self.mean <= -ERRORS * self.error


@dataclass(frozen=True)
class StratumRecord:
    """A stratum of the validation queries."""

    shared: tuple[float, float]
    """The share of a query's words that stand in the documents it wants: above the first, at most the second."""
    n_queries: int
    n_needs: int
    counts: bool
    """Whether it has enough needs to choose by."""
    left_out: Gain | None = None
    """The gain in it of the blend that the other strata choose; None where no blend is chosen."""


@dataclass(frozen=True)
class StrataRecord:
    """How queries made from documents chose the blend of one caution."""

    strata: tuple[StratumRecord, ...]
    best: Gain | None = None
    """The gain over all strata of the blend that they choose together; None if too few strata count."""
    recalled: Gain | None = None
    """The gain of the untrained blend with words or scores of documents of the policy, if they choose that one
    instead."""

    @property
    def losses(self) -> list[StratumRecord]:
        """The strata in which the blend that the others choose loses."""
        return [each for each in self.strata if each.left_out is not None and each.left_out.is_loss]

    @property
    def is_chosen(self) -> bool:
        """Whether the blend that the strata choose together may be used."""
        return self.best is not None and not self.losses

    @property
    def changes(self) -> bool:
        """Whether the strata choose another blend than the untrained one."""
        leads = self.best is not None and self.best.mean > 0
        return (leads and self.is_chosen) or self.recalled is not None

    @property
    def sentence(self) -> str:
        """What was chosen, or why nothing was."""
        if self.recalled is None:
            return self._of_weights
        learned = "words" if self.recalled.recall == "policy" else "scores of documents"
        return (
            f"{self._of_weights} With the {learned} that were learned it has {self.recalled.mean:+.3f} nDCG@10 "
            f"(standard error {self.recalled.error:.3f}) by all strata, and no loss in one that did not choose: they "
            "are read."
        )

    @property
    def _of_weights(self) -> str:
        stays = "The untrained mixture stays: "
        if self.best is None:
            n = sum(each.counts for each in self.strata)
            return (
                f"{stays}queries made from these documents choose none, as {n} of {N_STRATA} strata of shared words "
                f"have {LEAST_NEEDS} needs or more, and {LEAST_STRATA} are needed."
            )
        if self.losses:
            worst = min(self.losses, key=_mean_left_out)
            return (
                f"{stays}where {worst.shared[0]:.0%} to {worst.shared[1]:.0%} of a made query's words stand in the "
                f"documents it wants, the mixture that the other strata choose loses {-_mean_left_out(worst):.3f} "
                "nDCG@10."
            )
        if self.best.mean <= 0:
            return f"{stays}no other leads it by strata of shared words."
        return (
            f"Chosen by {sum(each.counts for each in self.strata)} strata of shared words, each as much: "
            f"{self.best.mean:+.3f} nDCG@10 (standard error {self.best.error:.3f}) on the untrained mixture, and no "
            "loss in a stratum that did not choose."
        )


def _mean_left_out(record: StratumRecord) -> float:
    assert record.left_out is not None
    return record.left_out.mean


def unchosen(by: OverlapStrata) -> StrataRecord:
    """The record of strata that are too few to choose by."""
    return StrataRecord(_records(by, {}))


def held_by_strata(
    by: OverlapStrata, chosen: Candidates, starts: Candidates, choose: Choose
) -> dict[HarmSetting, StrataRecord]:
    """For each caution how the blend `chosen` by all strata, and those that `choose` gives without one of them, fare
    against the untrained blends `starts`."""
    without = {number: choose(by.equal(without=number)) for number in by.counted}
    return {
        caution: StrataRecord(
            _records(
                by,
                {number: Gain.of(each[caution], start, by, by.alone(number)) for number, each in without.items()},
            ),
            Gain.of(chosen[caution], start, by, by.equal()),
        )
        for caution, start in starts.items()
    }


def _records(by: OverlapStrata, left_out: Mapping[int, Gain]) -> tuple[StratumRecord, ...]:
    bounds = [number / N_STRATA for number in range(N_STRATA + 1)]
    return tuple(
        StratumRecord(
            (bounds[number], bounds[number + 1]),
            by.n_queries[number],
            by.n_needs[number],
            number in by.counted,
            left_out.get(number),
        )
        for number in range(N_STRATA)
    )
