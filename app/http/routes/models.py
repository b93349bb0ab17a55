"""Model versions: which there are, which answers, and what is tried on live queries. Changes need the admin key."""

from __future__ import annotations

import time
from contextlib import suppress

import anyio
from fastapi import APIRouter, Path

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
"""How long the answer to a change waits for a place to count in."""
CHANGES = problem_responses(401, 404, 409, 422)


@router.get("/models", tags=["models"], summary="List the rewriters", responses=problem_responses())
async def get_models(access: Access) -> ModelsResponse:
    """The versions of the rewriter, and which one answers."""
    return await access.run_for_operators(lambda: _listed(access))


@router.post("/models/{version}/activate", tags=["models"], summary="Have a version answer", responses=CHANGES)
async def activate(
    access: Access, _: Admin, version: str = Path(description="A version that `GET /v1/models` lists.")
) -> ModelsResponse:
    """Try a version, and have it answer from the next request on; requests in progress end with what they began with.
    A version whose bundle is not whole, is of another build, or fails to rewrite is refused (409)."""
    await access.run_for_operators(lambda: _stored(access).activate(version))
    return await access.run_for_operators(lambda: _listed(access))


@router.post("/models/rollback", tags=["models"], summary="Have the version before answer", responses=CHANGES)
async def roll_back(access: Access, _: Admin) -> ModelsResponse:
    """Have answer what answered before, tried in the same way."""
    await access.run_for_operators(lambda: _stored(access).roll_back())
    return await access.run_for_operators(lambda: _listed(access))


@router.put("/models/shadow", tags=["models"], summary="Try a version unseen", responses=CHANGES)
async def shadow(body: ShadowRequest, access: Access, _: Admin) -> ModelsResponse:
    """Have a version rewrite and search live queries after their answers; `GET /v1/experiments` has its figures."""
    await access.run_for_operators(lambda: _stored(access).shadow(body.version))
    return await access.run_for_operators(lambda: _listed(access))


@router.get("/experiments", tags=["models"], summary="What is tried", responses=problem_responses(503))
async def get_experiments(access: Access) -> ExperimentsResponse:
    """Whom the visitors prefer in the comparison in progress, and what a candidate does unseen."""
    service = access.service
    return ExperimentsResponse.of(await access.run_slow(lambda: service.experiment_figures(service.experiment)))


@router.put(
    "/experiments", tags=["models"], summary="Compare two sides", responses=problem_responses(401, 404, 409, 422)
)
async def begin_experiment(body: ExperimentRequest, access: Access, _: Admin) -> ExperimentsResponse:
    """Interleave the lists of two sides (team draft) from now on, in place of any other comparison. The same one
    again goes on."""
    experiment = Experiment(body.name, body.a, body.b, body.share, time.time())
    await access.run_for_operators(lambda: _stored(access).experiment(experiment))
    return ExperimentsResponse.of(await _figures(access, access.service.experiment))


@router.delete("/experiments", tags=["models"], summary="End the comparison", responses=problem_responses(401, 409))
async def end_experiment(access: Access, _: Admin) -> ExperimentsResponse:
    """End it; the answer holds its last figures, `preference` being null where the log cannot say them."""
    last = access.service.experiment
    await access.run_for_operators(lambda: _stored(access).experiment(None))
    return ExperimentsResponse.of(await _figures(access, last))


async def _figures(access: ServiceAccess, experiment: Experiment | None) -> ExperimentFigures:
    """Figures after a change that is done, whatever the log does."""
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
