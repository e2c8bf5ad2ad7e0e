"""Pages for people: sign in, my projects, my tokens, the audit log. Server-rendered; they work without scripts."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from tenantry_api import routes
from tenantry_api.routes.body_limit import BodyLimit
from tenantry_api.routes.request_id import RequestIdHeader
from tenantry_api.web import audit, projects, sign_in, tokens, trouble

__all__ = ["install"]


def install(app: FastAPI) -> None:
    """Mount the API under /api/v1, the pages, and how both tell errors. `app.state.services` is set by the caller."""
    app.include_router(routes.router)
    for part in (audit, projects, sign_in, tokens):
        app.include_router(part.router, include_in_schema=False)
    app.mount("/static", StaticFiles(directory=Path(__file__).with_name("static")), name="static")
    trouble.install(app)
    app.add_middleware(BodyLimit)
    app.add_middleware(RequestIdHeader)
