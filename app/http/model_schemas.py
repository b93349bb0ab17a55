"""Requests and responses of the calls about model versions and what is tried with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Self

from pydantic import Field

from untilclick.app.http.schemas import Answer, Body
from untilclick.app.service.answers import ExperimentFigures
from untilclick.app.versions.models import InUse
from untilclick.app.versions.shadow import ShadowFigures
from untilclick.rewriter.serving.bundle import BundleManifest


class ModelOut(Answer):
    """A rewriter that the service can use."""

    version: str
    active: bool
    data: str | None = Field(description="The documents it was trained on.")
    created: str | None = Field(description="ISO 8601, UTC.")
    quantization: str | None
    figures: dict[str, float] = Field(description="Validation figures at the end of training.")


class ModelsResponse(Answer):
    """The rewriters of this service."""

    active: str | None = Field(description="Version that answers; null without one.")
    previous: list[str | None] = Field(description="What answered before, the latest first; null: no rewriter.")
    shadow: str | None = Field(description="Version that is tried on live queries, its lists not shown.")
    models: list[ModelOut]

    @classmethod
    def of(cls, in_use: InUse, manifests: Sequence[BundleManifest]) -> Self:
        """From what is in use, and the manifests of all versions there are."""
        state = in_use.state
        known = {manifest.version: manifest for manifest in manifests}
        models = [
            ModelOut(
                version=version,
                active=version == state.active,
                data=manifest.data if manifest else None,
                created=manifest.created if manifest else None,
                quantization=manifest.quantization if manifest else None,
                figures=dict(manifest.figures) if manifest else {},
            )
            for version in {**known, **in_use.loaded}
            for manifest in [known.get(version) or in_use.loaded[version].manifest]
        ]
        return cls(active=state.active, previous=list(reversed(state.previous)), shadow=state.shadow, models=models)


class ShadowRequest(Body):
    """A candidate to be tried unseen."""

    version: str | None = Field(description="A version that `GET /v1/models` lists; null ends the trial.")


class ExperimentRequest(Body):
    """Two sides to be compared by interleaving."""

    name: str = Field(pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", description="A name not used before.")
    a: str = Field(description="A version, or `original`: the query as typed.")
    b: str = Field(description="The same.")
    share: float = Field(default=1.0, gt=0, le=1, strict=True, description="Share of search sessions that take part.")


class PreferenceOut(Answer):
    """Whom the visitors prefer, counted by visitor: a client, or a session where no client is named."""

    wins_a: int = Field(description="Visitors who clicked more of a's documents.")
    wins_b: int
    ties: int
    share_b: float | None = Field(description="Share of the wins that are b's; .5 is no preference.")
    ci95: tuple[float, float] = Field(description="Its 95 % interval (Wilson).")
    p: float = Field(description="Two-sided sign test against no preference.")


class ShadowOut(Answer):
    """What a candidate did on live queries, in the process that answers this."""

    version: str
    queries: int
    passed_over: int = Field(description="Queries it was not asked, being behind.")
    faults: int = Field(description="Errors, and rewrites over budget.")
    changed_share: float | None = Field(description="Share of queries whose first ten would have been others.")
    mean_overlap: float | None = Field(description="Mean share of the first ten shown that it has in its own.")
    mean_ms: float | None = Field(description="Mean time of its rewrite and search.")
    clicks: int = Field(description="Clicks on lists that it tried.")
    mean_reciprocal_rank_shown: float | None = Field(description="Of what was clicked, on the lists shown.")
    mean_reciprocal_rank: float | None = Field(
        description="The same on its own lists; favours what was shown, which alone can be clicked."
    )


class RunningExperiment(ExperimentRequest):
    """A comparison in progress."""

    started: float = Field(description="Seconds since the epoch.")
    preference: PreferenceOut | None = Field(
        description="null only in the answer to a change, where the log cannot say it at that moment."
    )


class ExperimentsResponse(Answer):
    """What is tried on live queries."""

    experiment: RunningExperiment | None
    shadow: ShadowOut | None

    @classmethod
    def of(cls, figures: ExperimentFigures) -> Self:
        """From the service's figures."""
        running = None
        if figures.experiment is not None:
            preference = PreferenceOut(**asdict(figures.preference)) if figures.preference else None
            running = RunningExperiment(**asdict(figures.experiment), preference=preference)
        return cls(experiment=running, shadow=_shadow(figures.shadow))


def _shadow(found: ShadowFigures | None) -> ShadowOut | None:
    if found is None:
        return None

    def mean(total: float, n: int) -> float | None:
        return total / n if n else None

    return ShadowOut(
        version=found.version,
        queries=found.queries,
        passed_over=found.passed_over,
        faults=found.faults,
        changed_share=mean(found.changed, found.queries),
        mean_overlap=mean(found.overlap, found.queries),
        mean_ms=mean(found.milliseconds, found.queries),
        clicks=found.clicks,
        mean_reciprocal_rank_shown=mean(found.reciprocal_ranks_shown, found.clicks),
        mean_reciprocal_rank=mean(found.reciprocal_ranks, found.clicks),
    )
