"""What the spawner does before it forks: all that would otherwise be done, and paid for in memory, by each server.

A page that a server writes to is its own from then on. Imports, mappers and the first request write to many, so they
happen here: after a hundred requests a server's own memory is 38 MB instead of 61 (MLflow 3.17.2).
Importing this module imports MLflow, which reads the environment: set it before (`tenantry_backend.environment`).
"""

from __future__ import annotations

import asyncio
import functools
import gc
from typing import Final

# Found by their names at run time, by uvicorn, SQLAlchemy, Alembic and MLflow: imported here so that they are there.
import alembic.command
import anyio._backends._asyncio
import mlflow.store.artifact.local_artifact_repo
import mlflow.store.artifact.s3_artifact_repo
import mlflow.store.jobs.sqlalchemy_store
import mlflow.store.model_registry.sqlalchemy_workspace_store
import mlflow.store.tracking.sqlalchemy_workspace_store
import mlflow.tracing.export.utils
import mlflow.tracing.processor.otel
import opentelemetry.sdk.metrics
import psycopg2
import sqlalchemy
import uvicorn.lifespan.off
import uvicorn.protocols.http.httptools_impl
import uvloop
from mlflow.server.fastapi_app import app
from mlflow.store.db import utils
from sqlalchemy.orm import configure_mappers
from starlette.types import Message, Scope

from tenantry_backend.threads import await_one_thread

__all__ = ["warm"]

# Seconds in which the threads of the rehearsal end.
_PATIENCE: Final = 5.0


def warm() -> None:
    """Make everything that servers share, then freeze it: a server's collector does not touch what is frozen."""
    configure_mappers()
    sqlalchemy.create_engine("postgresql+psycopg2://").dispose()  # The dialect. Nothing is connected.
    _remember_revision()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_rehearse())
    await_one_thread(_PATIENCE)  # More than one is refused at each fork.
    gc.collect()
    gc.disable()
    gc.freeze()


def _remember_revision() -> None:
    """Each store asks which schema it must find, by loading the scripts of all migrations. The answer is a constant."""
    utils._get_latest_schema_revision = functools.cache(utils._get_latest_schema_revision)  # noqa: SLF001
    utils._get_latest_schema_revision()  # noqa: SLF001


async def _rehearse() -> None:
    """One request that needs no database, through all of MLflow's layers."""

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        if message.get("status", 200) != 200:  # noqa: PLR2004
            raise RuntimeError(f"MLflow answered its health check with {message['status']}; is its version supported?")

    await app(_HEALTH, receive, send)


_HEALTH: Final[Scope] = {
    "type": "http",
    "asgi": {"version": "3.0"},
    "http_version": "1.1",
    "method": "GET",
    "scheme": "http",
    "path": "/health",
    "raw_path": b"/health",
    "query_string": b"",
    "root_path": "",
    "headers": [(b"host", b"127.0.0.1")],
    "client": None,
    "server": ("127.0.0.1", 0),
}
