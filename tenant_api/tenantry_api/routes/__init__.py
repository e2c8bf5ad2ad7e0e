"""The API under /api/v1: JSON in, JSON out, errors as problem documents, every call on record."""

from __future__ import annotations

from fastapi import APIRouter

from tenantry_api.routes import about, aliases, audit, orphans, resources, tokens
from tenantry_api.routes.problems import RESPONSES

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", responses=RESPONSES)
for part in (about, aliases, audit, orphans, resources, tokens):
    router.include_router(part.router)
