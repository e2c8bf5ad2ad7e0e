"""Runs the door: `python -m tenantry_api`. The composition root: nothing else makes clients or reads settings.

Another ASGI server can have the same application:

    granian --interface asgi --factory tenantry_api.__main__:application

One process, one event loop; more doors are more processes, each with its own record directory.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import structlog
import uvicorn
from pydantic import ValidationError

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


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Parts]:
    """Start everything in the order of its use; stop it in the other."""
    url = settings.catalog_url.get_secret_value()
    async with AsyncExitStack() as stack:
        engine = async_engine(url, application="tenantry-door")
        stack.push_async_callback(engine.dispose)
        recorder = Recorder(settings.record_directory)
        await recorder.start()
        stack.push_async_callback(recorder.stop)
        shipper = Shipper(recorder, url)
        await shipper.start()
        stack.push_async_callback(shipper.stop)
        audit = AuditLog(
            catalog_url=url,
            key=load_signing_key(settings.signing_key_file),
            origin=settings.origin,
            directory=settings.checkpoints,
            recorder=recorder,
            shipper=shipper,
        )
        await audit.start()
        stack.push_async_callback(audit.stop)
        identifier = Identifier(
            engine,
            public_url=settings.public_url,
            issuer=settings.oidc_issuer,
            client_id=settings.oidc_client_id,
            client_secret=settings.oidc_client_secret,
        )
        await identifier.start()
        stack.push_async_callback(identifier.stop)
        holder = SnapshotHolder()
        listener = Listener(libpq_url(url), holder, identifier.forget)
        listener.start()
        stack.push_async_callback(listener.stop)
        backends = Backends(engine, holder, settings.wake_timeout)
        backends.start()
        stack.push_async_callback(backends.stop)
        forwarder = Forwarder(backends)
        await forwarder.start()
        stack.push_async_callback(forwarder.stop)
        turns = Turns(libpq_url(url))
        await turns.start()
        stack.push_async_callback(turns.stop)
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


def main() -> int:
    """Exit code 2: the settings are wrong, and which; nothing was started."""
    _configure_logs()
    try:
        settings = Settings()
    except ValidationError as error:
        for problem in error.errors():
            _log_setting(str(problem["loc"][0]), problem["msg"])
        return 2
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
    """Lines on stderr: ours by structlog, the libraries' from a warning up."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("uvicorn.error").setLevel(logging.INFO)  # where it listens, and when it stops


def _log_setting(name: str, message: str) -> None:
    structlog.get_logger(__name__).error("a setting is wrong", setting=f"TENANTRY_{name.upper()}", problem=message)


if __name__ == "__main__":
    sys.exit(main())
