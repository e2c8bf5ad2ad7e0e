"""Whether the door lives, whether it can let anybody through, and its figures. Nobody has to sign in for these."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST

from tenantry_api.metrics import Metrics
from tenantry_api.services import Services

__all__ = ["router"]

router = APIRouter(include_in_schema=False)


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


def _metrics(request: Request) -> Metrics:
    metrics: Metrics = request.app.state.metrics
    return metrics


_Services = Annotated[Services, Depends(_services)]


@router.get("/healthz")
async def healthz() -> Response:
    """The process answers. Whoever restarts it for this one failing is right."""
    return JSONResponse({"alive": True})


@router.get("/readyz")
async def readyz(services: _Services) -> Response:
    """Restarting does not help when this fails: the database or the disk is away."""
    checks = {"catalog": services.snapshot.fresh, "record": services.recorder.healthy}
    return JSONResponse({"ready": all(checks.values()), **checks}, 200 if all(checks.values()) else 503)


@router.get("/metrics")
async def metrics(services: _Services, figures: Annotated[Metrics, Depends(_metrics)]) -> Response:
    page = figures.page(fresh=services.snapshot.fresh, healthy=services.recorder.healthy)
    return Response(page, media_type=CONTENT_TYPE_LATEST)
