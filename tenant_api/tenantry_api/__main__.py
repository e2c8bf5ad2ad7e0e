"""Runs the door: `python -m tenantry_api`. The composition root: nothing else makes clients or reads settings.

Another ASGI server can have the same application:

    granian --interface asgi --factory tenantry_api.__main__:application

One process, one event loop; more doors are more processes, each with its own record directory.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, nullcontext
from types import FrameType
from typing import Protocol, TypeVar

import structlog
import uvicorn
import uvloop
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.types import Processor

from tenantry_api.app import Application, Parts
from tenantry_api.audit.keys import load_signing_key
from tenantry_api.audit.log import AuditLog
from tenantry_api.audit.note import KeyUnreadable
from tenantry_api.authorize import Authorizer
from tenantry_api.classify import load_table
from tenantry_api.engine import async_engine, asyncpg_url
from tenantry_api.forward import Backends, Forwarder
from tenantry_api.identify import Identifier
from tenantry_api.identify.workload import Workloads
from tenantry_api.ledger import Ledger
from tenantry_api.listen import Listener
from tenantry_api.perform import Performer
from tenantry_api.pipeline import Door
from tenantry_api.promote import Turns
from tenantry_api.record.recorder import Recorder
from tenantry_api.record.roll import Roll
from tenantry_api.record.shipper import Shipper
from tenantry_api.record.wal import RecordDamaged, RecordUnavailable
from tenantry_api.services import Services
from tenantry_api.settings import Settings, SettingWrong, split_address
from tenantry_api.snapshot import SnapshotHolder
from tenantry_api.web.waking import WakingPage
from tenantry_crds.meta import SUPPORTED_MLFLOW_VERSIONS

__all__ = ["application", "main", "running"]

# Seconds that open requests get after SIGTERM.
_GRACE = 10
# Above what clients and load balancers keep a connection for.
_KEEP_ALIVE = 75

_log = structlog.get_logger("tenantry_api")


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
    """Start everything in the order of its use; stop it in the other. Raises SettingWrong."""
    url = settings.catalog_url.get_secret_value()
    async with AsyncExitStack() as stack:
        engine = async_engine(url, application="tenantry-door")
        stack.push_async_callback(engine.dispose)
        roll = Roll(engine, socket.gethostname())
        # Stopped behind the recorder: only then is known what is left.
        stack.push_async_callback(roll.leave)
        with _blaming("TENANTRY_RECORD_DIRECTORY", RecordUnavailable, RecordDamaged):
            recorder = await _started(stack, Recorder(settings.record_directory))
        shipper = await _started(stack, Shipper(recorder, url))
        await roll.enter(recorder.wal.spool, lambda: shipper.backlog == 0)
        with _blaming("TENANTRY_CHECKPOINT_DIRECTORY", OSError):
            audit = await _started(stack, _audit_log(settings, recorder, shipper))
        holder = SnapshotHolder()
        identifier = await _started(stack, _identifier(settings, engine, holder))
        await _started(stack, Listener(asyncpg_url(url), holder, identifier.forget))
        backends = await _started(stack, Backends(engine, holder, settings.wake_timeout))
        forwarder = await _started(stack, Forwarder(backends))
        turns = await _started(stack, Turns(asyncpg_url(url)))
        ledger = Ledger(recorder, holder)
        authorizer = Authorizer(holder.current)
        door = Door(
            snapshots=holder,
            tables={version: load_table(version) for version in SUPPORTED_MLFLOW_VERSIONS},
            identifier=identifier,
            authorizer=authorizer,
            ledger=ledger,
            performer=Performer(ledger, forwarder, turns, WakingPage(settings.oidc_issuer, holder, authorizer)),
            backends=backends,
        )
        yield Parts(Services(settings, engine, holder, identifier, authorizer, recorder, audit, roll), door)


async def _started(stack: AsyncExitStack, part: PartT) -> PartT:
    await part.start()
    stack.push_async_callback(part.stop)
    return part


@contextmanager
def _blaming(setting: str, *errors: type[Exception]) -> Iterator[None]:
    try:
        yield
    except errors as error:
        raise SettingWrong(setting, str(error)) from error


def _audit_log(settings: Settings, recorder: Recorder, shipper: Shipper) -> AuditLog:
    with _blaming("TENANTRY_SIGNING_KEY_FILE", KeyUnreadable):
        key = load_signing_key(settings.signing_key_file)
    return AuditLog(
        catalog_url=settings.catalog_url.get_secret_value(),
        key=key,
        origin=settings.origin,
        directory=settings.checkpoints,
        recorder=recorder,
        shipper=shipper,
    )


def _identifier(settings: Settings, engine: AsyncEngine, holder: SnapshotHolder) -> Identifier:
    return Identifier(
        engine,
        public_url=settings.public_url,
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        workloads=Workloads(lambda: holder.current().cluster_keys, settings.audience),
        client_secret=settings.oidc_client_secret,
    )


def main() -> int:
    """0 after SIGTERM or SIGINT. 2: a setting is wrong, and which; nothing was started."""
    _configure_logs()
    try:
        settings = Settings()
        uvloop.run(_serve(settings, _bound("TENANTRY_LISTEN", settings.listen), _for_metrics(settings)))
    except ValidationError as error:
        for problem in error.errors():
            _log_setting(f"TENANTRY_{problem['loc'][0]}".upper(), problem["msg"])
        return 2
    except SettingWrong as error:
        _log_setting(error.setting, error.problem)
        return 2
    return 0


def _for_metrics(settings: Settings) -> socket.socket | None:
    return _bound("TENANTRY_METRICS_LISTEN", settings.metrics_listen) if settings.metrics_listen else None


def _bound(setting: str, address: str) -> socket.socket:
    """Bound but not listening: who connects while the door starts is refused, as if it were not there yet."""
    host, port = split_address(address)
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        problem = f"{address}: {error.strerror}; end what listens there, or name another address of this machine"
        raise SettingWrong(setting, problem) from error
    return listener


class _Server(uvicorn.Server):
    """After the first signal it serves for `delay` seconds more, while what stands in front of it finds that out."""

    def __init__(self, served: Application, delay: float) -> None:
        super().__init__(_served(served))
        self._application = served
        self._delay = delay
        self._loop = asyncio.get_running_loop()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # Where uvicorn's own handler stands: a signal can come in the middle of anything.
        self._loop.call_soon_threadsafe(self._leave, sig, frame)

    def _leave(self, sig: int, frame: FrameType | None) -> None:
        delay, self._delay = self._delay, 0.0
        if delay == 0:
            super().handle_exit(sig, frame)
            return
        _log.info("door.leaves", seconds=delay)
        self._application.leave()
        self._loop.call_later(delay, super().handle_exit, sig, frame)


async def _serve(settings: Settings, door: socket.socket, metrics: socket.socket | None) -> None:
    """Until SIGTERM or SIGINT, whenever it comes. What is wrong with a setting is raised before anything is served."""
    parts: asyncio.Future[Parts] = asyncio.get_running_loop().create_future()
    metrics_port = None if metrics is None else metrics.getsockname()[1]
    served = Application(lambda: nullcontext(parts.result()), metrics_port=metrics_port)
    server = _Server(served, settings.stop_delay)
    listeners = {"url": door} | ({} if metrics is None else {"metrics": metrics})

    def stop(*_: object) -> None:
        server.should_exit = True

    # Before uvicorn listens for a signal, and after: it raises the same signal again when it is done.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    async with running(settings) as started:
        parts.set_result(started)
        for listener in listeners.values():
            listener.listen(server.config.backlog)
        _log.info("door.listens", **{name: _url(listener) for name, listener in listeners.items()})
        await server.serve(sockets=list(listeners.values()))


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _served(application: Application) -> uvicorn.Config:
    return uvicorn.Config(
        application,
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
    _log.error("a setting is wrong", setting=name, problem=message)


if __name__ == "__main__":
    sys.exit(main())
