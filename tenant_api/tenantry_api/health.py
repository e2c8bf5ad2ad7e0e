"""Whether the door lives, whether requests should come to it, and its figures. Nobody has to sign in for these."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST

from tenantry_api.metrics import Metrics
from tenantry_api.services import Services

__all__ = ["alive", "router"]

_REASONS = {
    "catalog": "The catalog's PostgreSQL cannot be followed, so every request gets a 503 to try again: is it up?",
    "record": "The record's device accepts nothing: `record.unavailable` in the door's log says why.",
    "shipping": "Records are kept, but not copied to PostgreSQL: `record.damaged` in the door's log says why.",
    "doors": "A door died with records that may be nowhere else: `record.absent` in this door's log says which.",
    "staying": "The door was told to stop: it serves for a moment longer, and takes no new connections after that.",
    "signing": "A log is not what was signed before: `checkpoint.refused` in the door's log says which, and why.",
}

# What this door lacks and another may have. What all share takes none of them out: somebody has to answer the 503.
_OWN = ("record", "staying")

# Whoever balances load before all doors may ask the first; the second is for those who run them.
alive, router = APIRouter(include_in_schema=False), APIRouter(include_in_schema=False)


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


def _metrics(request: Request) -> Metrics:
    metrics: Metrics = request.app.state.metrics
    return metrics


_Services = Annotated[Services, Depends(_services)]


@alive.get("/healthz")
async def healthz() -> Response:
    """The process answers. Whoever restarts it for this one failing is right."""
    return JSONResponse({"alive": True})


@router.get("/readyz")
async def readyz(request: Request, services: _Services) -> Response:
    """Restarting does not help when this fails. `reasons` names no workspace: whoever asks did not sign in.

    A door that never reached the catalog is not ready, so that a rollout which would break all of them stops at the
    first. Trouble with what was recorded before is told and alerts somebody, but does not close the door: one damaged
    log would shut everybody out, and requests are still on record before they are answered.
    """
    checks = {**_checks(services), "staying": not request.app.state.leaving}
    ready = services.snapshot.filled and all(checks[name] for name in _OWN)
    reasons = {name: _REASONS[name] for name, good in checks.items() if not good}
    return JSONResponse({"ready": ready, **checks, "reasons": reasons}, 200 if ready else 503)


@router.get("/metrics")
async def metrics(services: _Services, figures: Annotated[Metrics, Depends(_metrics)]) -> Response:
    page = figures.page(_checks(services), unsigned=len(services.audit.refused), absent=len(services.roll.absent))
    return Response(page, media_type=CONTENT_TYPE_LATEST)


def _checks(services: Services) -> dict[str, bool]:
    return {
        "catalog": services.snapshot.fresh,
        "record": services.recorder.healthy,
        "shipping": services.audit.shipping,
        "signing": not services.audit.refused,
        "doors": not services.roll.absent,
    }
