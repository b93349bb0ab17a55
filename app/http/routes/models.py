"""Calls about model versions, experiments and the shadow. Those that change something need the admin key."""

from __future__ import annotations

import time
from contextlib import suppress

import anyio
from fastapi import APIRouter, Path, Query

from untilclick.app.http.access import Access, ServiceAccess
from untilclick.app.http.admin import Admin
from untilclick.app.http.model_schemas import ExperimentRequest, ExperimentsResponse, ModelsResponse, ShadowRequest
from untilclick.app.http.problems import problem_responses
from untilclick.app.service.answers import ExperimentFigures
from untilclick.app.versions.models import NoModelFolderError, StoredModels
from untilclick.app.versions.store import Experiment
from untilclick.search.errors import LogError

router = APIRouter(prefix="/v1")

FIGURES_S = 5.0
"""Seconds for which the answer to a change waits for figures."""
CHANGES = problem_responses(401, 404, 409, 422)


@router.get("/models", tags=["models"], summary="List the rewriters", responses=problem_responses())
async def get_models(access: Access) -> ModelsResponse:
    """The versions of the rewriter, and which of them are in use."""
    return await access.run_for_operators(lambda: _listed(access))


@router.post("/models/{version}/activate", tags=["models"], summary="Activate a version", responses=CHANGES)
async def activate(
    access: Access,
    _: Admin,
    version: str = Path(description="A version that `GET /v1/models` lists."),
    anyway: bool = Query(default=False, description="Activate it whatever held-out needs say of it."),
) -> ModelsResponse:
    """Try a version, and let it answer from the next request on; requests in progress keep the version with which
    they began. A version is refused (409) if its bundle is incomplete or of another build, if it cannot rewrite, or
    if held-out needs do not show that it is better than what answers now."""
    await access.run_for_operators(lambda: _stored(access).activate(version, anyway=anyway))
    return await access.run_for_operators(lambda: _listed(access))


@router.post("/models/rollback", tags=["models"], summary="Reactivate the previous version", responses=CHANGES)
async def roll_back(access: Access, _: Admin) -> ModelsResponse:
    """Try the version that answered before, and let it answer again."""
    await access.run_for_operators(lambda: _stored(access).roll_back())
    return await access.run_for_operators(lambda: _listed(access))


@router.put("/models/shadow", tags=["models"], summary="Put a version into the shadow", responses=CHANGES)
async def shadow(body: ShadowRequest, access: Access, _: Admin) -> ModelsResponse:
    """Let a version rewrite and search live queries after they have been answered; `GET /v1/experiments` has its
    figures."""
    await access.run_for_operators(lambda: _stored(access).shadow(body.version))
    return await access.run_for_operators(lambda: _listed(access))


@router.get(
    "/experiments", tags=["models"], summary="Figures of experiment and shadow", responses=problem_responses(503)
)
async def get_experiments(access: Access) -> ExperimentsResponse:
    """The visitors' preference in the experiment in progress, and the figures of the candidate in the shadow."""
    service = access.service
    return ExperimentsResponse.of(await access.run_slow(lambda: service.experiment_figures(service.experiment)))


@router.put(
    "/experiments", tags=["models"], summary="Begin an experiment", responses=problem_responses(401, 404, 409, 422)
)
async def begin_experiment(body: ExperimentRequest, access: Access, _: Admin) -> ExperimentsResponse:
    """Interleave the lists of two sides (team draft) from now on, in place of any other experiment. The same
    experiment again goes on with its counts."""
    experiment = Experiment(body.name, body.a, body.b, body.share, time.time())
    await access.run_for_operators(lambda: _stored(access).experiment(experiment))
    return ExperimentsResponse.of(await _figures(access, access.service.experiment))


@router.delete("/experiments", tags=["models"], summary="End the experiment", responses=problem_responses(401, 409))
async def end_experiment(access: Access, _: Admin) -> ExperimentsResponse:
    """End the experiment. The answer has its last figures; `preference` is null if the log cannot be read."""
    last = access.service.experiment
    await access.run_for_operators(lambda: _stored(access).experiment(None))
    return ExperimentsResponse.of(await _figures(access, last))


async def _figures(access: ServiceAccess, experiment: Experiment | None) -> ExperimentFigures:
    """Figures for the answer to a change, which has happened even if the log cannot be read."""
    with anyio.move_on_after(FIGURES_S), suppress(LogError):
        return await access.run_slow(lambda: access.service.experiment_figures(experiment))
    return access.service.experiment_alone(experiment)


def _stored(access: ServiceAccess) -> StoredModels:
    models = access.service.models
    if not isinstance(models, StoredModels):
        raise NoModelFolderError("This service has no folder of versions; start it with UNTILCLICK_MODELS.")
    return models


def _listed(access: ServiceAccess) -> ModelsResponse:
    models = access.service.models
    manifests = models.store.versions() if isinstance(models, StoredModels) else []
    return ModelsResponse.of(models.in_use, manifests)
