"""One project's MLflow server: what is the same in a process that was forked from the spawner and in a pod.

Importing this module imports MLflow and what its requests need: the spawner does so once, the servers share the pages.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import tempfile
from types import FrameType
from typing import Final

import psycopg2
import uvicorn
from anyio import to_thread
from mlflow.server import handlers
from mlflow.server.fastapi_app import app
from sqlalchemy.engine import make_url
from starlette.types import ASGIApp

from tenantry_backend.confine import confine, die_with
from tenantry_backend.environment import THREADS, for_server
from tenantry_backend.guard import Guard
from tenantry_backend.settings import ServerSettings

__all__ = ["LAST_RESORT", "Server", "configuration", "open_stores", "refused_login", "serve"]

# Longer than the gateway keeps an idle connection: it must be the one who closes, or a request meets a closed door.
_KEEP_ALIVE: Final = 300
# Seconds that the database has to accept a login.
_LOGIN: Final = 5
# Seconds after the grace in which the kernel ends a server that did not: a thread of MLflow's may hang for ever.
LAST_RESORT: Final = 2


class _Nothing:
    """No store of artifacts is one of these."""


def keep_to_the_door() -> None:
    """MLflow tells its clients that they may ask for signed addresses of S3, and when they then get none, a download
    fails. Where no store can sign any, clients go through the tracking URI, as the door wants it.
    """
    for ability in ("MultipartDownloadMixin", "MultipartUploadMixin", "PresignedUploadMixin"):
        getattr(handlers, ability)  # Gone from MLflow: what takes its place has to be found.
        setattr(handlers, ability, _Nothing)


def serve(listener: socket.socket, settings: ServerSettings, spawner: int) -> None:
    """Answer requests on `listener` until SIGTERM, then end the ones in flight; die with the process `spawner`."""
    gc.enable()
    die_with(spawner)
    confine(settings.uid)
    die_with(spawner)
    os.environ.update(for_server(settings))
    tempfile.tempdir = None  # Forget the spawner's: TMPDIR is another now.
    if reason := refused_login(settings.database_url.get_secret_value()):
        sys.exit(reason)
    open_stores()
    guarded = Guard(app, settings.secret.get_secret_value())
    Server(configuration(guarded, settings.grace)).run(sockets=[listener])


class Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        to_thread.current_default_thread_limiter().total_tokens = THREADS
        await super().startup(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        signal.alarm((self.config.timeout_graceful_shutdown or 0) + LAST_RESORT)
        super().handle_exit(sig, frame)


def refused_login(url: str) -> str | None:
    """Say at once what is wrong, if anything: MLflow's stores would try for a minute before they do."""
    address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        psycopg2.connect(address, connect_timeout=_LOGIN).close()
    except psycopg2.OperationalError as error:
        return f"cannot log in to the project's database: {error}"
    return None


def open_stores() -> None:
    """Log in to the database now: a server that answers `/health` is one that can work, and nobody waits twice."""
    handlers._get_tracking_store()  # noqa: SLF001  what each of MLflow's own handlers begins with
    handlers._get_model_registry_store()  # noqa: SLF001
    keep_to_the_door()


def configuration(guarded: ASGIApp, grace: int) -> uvicorn.Config:
    return uvicorn.Config(
        guarded,
        loop="uvloop",
        http="httptools",
        ws="none",  # MLflow has none; an upgrade is an ordinary request then, and the guard sees it.
        lifespan="off",  # MLflow's would only look for containers of a feature that is refused.
        proxy_headers=False,
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=grace,
    )
