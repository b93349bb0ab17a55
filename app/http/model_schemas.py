"""Requests and responses of the calls about model versions, experiments and the shadow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Self

from pydantic import Field

from untilclick.app.http.schemas import RequestBody, ResponseBody
from untilclick.app.service.answers import ExperimentFigures
from untilclick.app.versions.in_use import InUse
from untilclick.app.versions.shadow import ShadowFigures
from untilclick.rewriter.judging.evidence import Evidence
from untilclick.rewriter.judging.sentences import sentence
from untilclick.rewriter.serving.bundle import BundleManifest


class ModelOut(ResponseBody):
    """A version of the rewriter."""

    version: str
    active: bool
    data: str | None = Field(description="The documents on which it was trained.")
    analysis: str | None = Field(description="The text analysis by which its rewrites are searched, such as 2-en.")
    created: str | None = Field(description="Time of its export, ISO 8601, UTC.")
    quantization: str | None
    use: str | None = Field(
        description="What of it answers: learned, all that it has learned; returning, for queries that return; "
        "untrained, nothing learned from a log."
    )
    judgement: str | None = Field(description="What held-out needs say of it; null: nothing is known.")
    figures: dict[str, float] = Field(description="Validation figures from the end of training.")


class ModelsResponse(ResponseBody):
    """The versions of the rewriter, and which of them are in use."""

    active: str | None = Field(description="The version that answers; null: no rewriter.")
    previous: list[str | None] = Field(
        description="The versions that answered before, the latest first; null: no rewriter."
    )
    shadow: str | None = Field(description="The version that rewrites live queries without showing its results.")
    models: list[ModelOut]

    @classmethod
    def of(cls, in_use: InUse, manifests: Sequence[BundleManifest]) -> Self:
        """The response for the versions in use and the manifests of all versions in the folder."""
        state = in_use.state
        by_version = {manifest.version: manifest for manifest in manifests}
        models = [
            ModelOut(
                version=version,
                active=version == state.active,
                data=manifest.data if manifest else None,
                analysis=manifest.analysis if manifest else None,
                created=manifest.created if manifest else None,
                quantization=manifest.quantization if manifest else None,
                use=manifest.use if manifest else None,
                judgement=_judgement(manifest.evidence) if manifest and manifest.evidence else None,
                figures=dict(manifest.figures) if manifest else {},
            )
            for version in {**by_version, **in_use.loaded}
            for manifest in [by_version.get(version) or in_use.loaded[version].manifest]
        ]
        return cls(active=state.active, previous=list(reversed(state.previous)), shadow=state.shadow, models=models)


def _judgement(evidence: Evidence) -> str:
    """What held-out needs say of a version: against the version before it, else against the untrained rewriter."""
    return sentence(evidence.before or evidence.untrained)


class ShadowRequest(RequestBody):
    """A candidate for the shadow."""

    version: str | None = Field(
        description="A version that `GET /v1/models` lists; null takes out the candidate in the shadow."
    )


class ExperimentRequest(RequestBody):
    """Two sides to compare by interleaving."""

    name: str = Field(
        pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", description="A name that no earlier experiment had."
    )
    a: str = Field(description="A version, or `original`: the query as typed.")
    b: str = Field(description="A version, or `original`: the query as typed.")
    share: float = Field(
        default=1.0, gt=0, le=1, strict=True, description="Share of the search sessions that take part."
    )


class PreferenceOut(ResponseBody):
    """The visitors' preference. A visitor is a client, or a session that names no client."""

    wins_a: int = Field(description="Visitors who clicked more documents of a than of b.")
    wins_b: int = Field(description="Visitors who clicked more documents of b than of a.")
    ties: int = Field(description="Visitors who clicked as many of both.")
    share_b: float | None = Field(description="Share of b in the wins; 0.5 means no preference; null without wins.")
    ci95: tuple[float, float] = Field(description="95 % confidence interval of that share (Wilson).")
    p: float = Field(description="p-value of the two-sided sign test against no preference.")


class ShadowOut(ResponseBody):
    """Figures of the candidate in the shadow, in the process that answers."""

    version: str
    queries: int = Field(description="Live queries that it rewrote and searched.")
    passed_over: int = Field(description="Queries that it skipped because too many waited.")
    faults: int = Field(description="Errors, and rewrites over their time limit.")
    changed_share: float | None = Field(description="Share of the queries whose first ten results it would change.")
    mean_overlap: float | None = Field(
        description="Mean share of the first ten results shown that are among its own first ten."
    )
    mean_ms: float | None = Field(description="Mean milliseconds of its rewrite and search.")
    clicks: int = Field(description="Clicks on results of these queries.")
    mean_reciprocal_rank_shown: float | None = Field(
        description="Mean reciprocal rank of the clicked documents in the lists shown."
    )
    mean_reciprocal_rank: float | None = Field(
        description="The same in its own lists; the comparison favours the lists shown, since only shown documents "
        "can be clicked."
    )


class RunningExperiment(ExperimentRequest):
    """An experiment in progress."""

    started: float = Field(description="Seconds since the epoch.")
    preference: PreferenceOut | None = Field(
        description="null only in the answer to a change, while the log cannot be read."
    )


class ExperimentsResponse(ResponseBody):
    """The experiment in progress, and the candidate in the shadow."""

    experiment: RunningExperiment | None
    shadow: ShadowOut | None

    @classmethod
    def of(cls, figures: ExperimentFigures) -> Self:
        """The response for the figures of the service."""
        running = None
        if figures.experiment is not None:
            preference = PreferenceOut(**asdict(figures.preference)) if figures.preference else None
            shown = {name: value for name, value in asdict(figures.experiment).items() if name != "analysis"}
            running = RunningExperiment(**shown, preference=preference)
        return cls(experiment=running, shadow=_shadow(figures.shadow))


def _shadow(figures: ShadowFigures | None) -> ShadowOut | None:
    if figures is None:
        return None

    def mean(total: float, n: int) -> float | None:
        return total / n if n else None

    return ShadowOut(
        version=figures.version,
        queries=figures.queries,
        passed_over=figures.passed_over,
        faults=figures.faults,
        changed_share=mean(figures.changed, figures.queries),
        mean_overlap=mean(figures.overlap, figures.queries),
        mean_ms=mean(figures.milliseconds, figures.queries),
        clicks=figures.clicks,
        mean_reciprocal_rank_shown=mean(figures.reciprocal_ranks_shown, figures.clicks),
        mean_reciprocal_rank=mean(figures.reciprocal_ranks, figures.clicks),
    )
