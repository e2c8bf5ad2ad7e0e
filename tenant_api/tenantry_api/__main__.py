"""Runs the door: `python -m tenantry_api`. The composition root: nothing else makes clients or reads settings.

Another ASGI server can have the same application:

    granian --interface asgi --factory tenantry_api.__main__:application

One process, one event loop; more doors are more processes, each with its own record directory.
"""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Protocol, TypeVar

import structlog
import uvicorn
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.types import Processor

from tenantry_api.app import Application, Parts
from tenantry_api.audit.keys import load_signing_key
from tenantry_api.audit.log import AuditLog
from tenantry_api.authorize import Authorizer
from tenantry_api.classify import load_table
from tenantry_api.forward import Backends, Forwarder
from tenantry_api.identify import Identifier
from tenantry_api.ledger import Ledger
from tenantry_api.listen import Listener
from tenantry_api.perform import Performer
from tenantry_api.pipeline import Door
from tenantry_api.promote import Turns
from tenantry_api.record.recorder import Recorder
from tenantry_api.record.shipper import Shipper
from tenantry_api.services import Services
from tenantry_api.settings import Settings
from tenantry_api.snapshot import SnapshotHolder
from tenantry_catalog.engine import async_engine, libpq_url
from tenantry_crds.meta import SUPPORTED_MLFLOW_VERSIONS

__all__ = ["application", "main", "running"]

# Seconds that open requests get after SIGTERM.
_GRACE = 10
# Above what clients and load balancers keep a connection for.
_KEEP_ALIVE = 75


def application() -> Application:
    """The application with settings from the environment, for any ASGI server that runs its lifespan."""
    settings = Settings()
    return Application(lambda: running(settings))


class _Part(Protocol):
    async def start(self) -> None: ...
    async def stop(self) -> None: ...


PartT = TypeVar("PartT", bound=_Part)


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Parts]:
    """Start everything in the order of its use; stop it in the other."""
    url = settings.catalog_url.get_secret_value()
    async with AsyncExitStack() as stack:
        engine = async_engine(url, application="tenantry-door")
        stack.push_async_callback(engine.dispose)
        recorder = await _started(stack, Recorder(settings.record_directory))
        shipper = await _started(stack, Shipper(recorder, url))
        audit = await _started(stack, _audit_log(settings, recorder, shipper))
        identifier = await _started(stack, _identifier(settings, engine))
        holder = SnapshotHolder()
        await _started(stack, Listener(libpq_url(url), holder, identifier.forget))
        backends = await _started(stack, Backends(engine, holder, settings.wake_timeout))
        forwarder = await _started(stack, Forwarder(backends))
        turns = await _started(stack, Turns(libpq_url(url)))
        ledger = Ledger(recorder, holder)
        authorizer = Authorizer(holder.current)
        door = Door(
            snapshots=holder,
            tables={version: load_table(version) for version in SUPPORTED_MLFLOW_VERSIONS},
            identifier=identifier,
            authorizer=authorizer,
            ledger=ledger,
            performer=Performer(ledger, forwarder, turns),
            backends=backends,
        )
        yield Parts(Services(settings, engine, holder, identifier, authorizer, recorder, audit), door)


async def _started(stack: AsyncExitStack, part: PartT) -> PartT:
    await part.start()
    stack.push_async_callback(part.stop)
    return part


def _audit_log(settings: Settings, recorder: Recorder, shipper: Shipper) -> AuditLog:
    return AuditLog(
        catalog_url=settings.catalog_url.get_secret_value(),
        key=load_signing_key(settings.signing_key_file),
        origin=settings.origin,
        directory=settings.checkpoints,
        recorder=recorder,
        shipper=shipper,
    )


def _identifier(settings: Settings, engine: AsyncEngine) -> Identifier:
    return Identifier(
        engine,
        public_url=settings.public_url,
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret,
    )


def main() -> int:
    """Exit code 2: the settings are wrong, and which; nothing was started."""
    _configure_logs()
    try:
        settings = Settings()
    except ValidationError as error:
        for problem in error.errors():
            _log_setting(str(problem["loc"][0]), problem["msg"])
        return 2
    # uvicorn stops cleanly on SIGTERM, then raises it again for whoever had it before.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    uvicorn.run(
        Application(lambda: running(settings)),
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=_GRACE,
    )
    return 0


def _configure_logs() -> None:
    """Lines of JSON on stderr: ours, and the libraries' from a warning up.

    They go through the standard library, which goes on when stderr cannot be written: a full disk of logs must not
    stop the thread that keeps the record.
    """
    stamped: list[Processor] = [structlog.stdlib.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True)]
    structlog.configure(
        processors=[*stamped, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    ready: list[Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=stamped, processors=[*ready, structlog.processors.JSONRenderer()]
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.getLogger("tenantry_api").setLevel(logging.INFO)
    logging.getLogger("uvicorn.error").setLevel(logging.INFO)  # where it listens, and when it stops
    logging.raiseExceptions = False


def _log_setting(name: str, message: str) -> None:
    structlog.get_logger(__name__).error("a setting is wrong", setting=f"TENANTRY_{name.upper()}", problem=message)


if __name__ == "__main__":
    sys.exit(main())
