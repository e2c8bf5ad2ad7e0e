"""The operator of one machine, put together: a directory of manifests, PostgreSQL, and servers as processes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Final, Protocol

import structlog
from pydantic import SecretStr
from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from tenantry_catalog.engine import sync_engine
from tenantry_operator.backends import Backends, Use
from tenantry_operator.demand import Demand
from tenantry_operator.facts import Installation, Key, ProjectKey, WorkspaceKey
from tenantry_operator.observe import Observer
from tenantry_operator.provision.administrator import Administrator
from tenantry_operator.provision.postgres import Postgres
from tenantry_operator.provision.secret_files import SecretFiles
from tenantry_operator.provision.template import Templates, migrate
from tenantry_operator.publish import Catalog
from tenantry_operator.reconcile import Reconciler
from tenantry_operator.removal import Removal
from tenantry_operator.runtime import Runtime
from tenantry_operator.runtime.process import ProcessRuntime, own_uids_obstacle
from tenantry_operator.servers import Servers
from tenantry_operator.settings import Settings
from tenantry_operator.sources.directory import Directory
from tenantry_operator.workqueue import WorkQueue

__all__ = ["Operator"]

# Cloning databases and probing is PostgreSQL's work more than ours.
_RECONCILERS: Final = 8
# Each may wait for a server that starts; those that wait cost nothing.
_ATTENDANTS: Final = 16
# What nobody reported (a dropped role, a full disk) is found this late.
_RESYNC_SECONDS: Final = 300.0
_LAST_DELAY: Final = 5.0

log = structlog.get_logger(__name__)


class MakeRuntime(Protocol):
    """A runtime that keeps what it must below `directory`."""

    def __call__(
        self,
        directory: Path,
        *,
        on_exit: Callable[[ProjectKey, str], None],
        on_recovery: Callable[[ProjectKey], None],
    ) -> Runtime: ...


class Operator:
    """`run` until it is told to stop. Its servers start and stop with it."""

    def __init__(self, settings: Settings, make_runtime: MakeRuntime = ProcessRuntime) -> None:
        state = settings.state_directory
        state.mkdir(mode=0o711, parents=True, exist_ok=True)  # Servers with a uid of their own pass through it.
        self._engine = sync_engine(settings.catalog_url.get_secret_value(), application="tenantry-operator")
        self._reconciling = WorkQueue[Key]("reconcile", self._reconcile, _RECONCILERS)
        self._attending = WorkQueue[ProjectKey]("attend", self._attend, _ATTENDANTS)
        self._source = Directory(settings.source_directory, state / "manifests", self._changed)
        self._catalog, self._backends = Catalog(self._engine), Backends(self._engine)
        self._runtime = make_runtime(
            state / "runtime", on_exit=lambda key, _: self._ended(key), on_recovery=self._ended
        )
        self._servers = Servers(self._runtime, self._backends)
        self._reconciler = self._make_reconciler(settings)
        self._demand = Demand(settings.catalog_url, seen=self._seen, connected=self._look_at_everything)

    def run(self, stop: Event) -> None:
        try:
            if self._reset(stop):
                self._source.start()
                self._reconciling.start()
                self._attending.start()
                self._demand.start()
                stop.wait()
        finally:
            self._close()

    def _make_reconciler(self, settings: Settings) -> Reconciler:
        state = settings.state_directory
        artifacts = state / "artifacts"
        artifacts.mkdir(mode=0o711, exist_ok=True)
        obstacle = own_uids_obstacle(artifacts)
        if obstacle:
            log.info("servers run under the operator's own uid", reason=obstacle)
        installation = Installation(artifacts, own_uids=obstacle is None)
        administrator = Administrator(settings.provision_url)
        passwords = SecretFiles(state / "secrets")
        databases = Postgres(administrator, Templates(administrator, migrate), passwords)
        observer = Observer(self._servers, frozenset({_database(settings.catalog_url)}))
        parts = (installation, databases, self._runtime, self._servers, observer, self._catalog)
        return Reconciler(self._source, *parts, Removal(self._source, *parts))

    def _reset(self, stop: Event) -> bool:
        """Tell the door that no server runs, as soon as the catalog answers; False when told to stop before."""
        delay = 0.1
        while not stop.is_set():
            try:
                self._backends.reset()
            except SQLAlchemyError as error:
                if delay == 0.1:  # noqa: PLR2004  the first time
                    log.warning("waiting for the catalog's PostgreSQL", reason=str(error).splitlines()[0])
                stop.wait(delay)
                delay = min(delay * 2, _LAST_DELAY)
            else:
                return True
        return False

    def _reconcile(self, key: Key) -> bool:
        done = self._reconciler.reconcile(key)
        if key in self._source.declared():
            self._reconciling.add(key, _RESYNC_SECONDS)
        return done

    def _attend(self, key: ProjectKey) -> bool:
        return self._servers.attend(key)

    def _changed(self, key: Key) -> None:
        """A workspace's projects inherit from it."""
        self._reconciling.add(key)
        if isinstance(key, WorkspaceKey):
            for other in self._source.declared():
                if isinstance(other, ProjectKey) and other.workspace == key.workspace:
                    self._reconciling.add(other)

    def _ended(self, key: ProjectKey) -> None:
        """A server ended by itself, or runs again: the door first, then the conditions."""
        self._attending.add(key)
        self._reconciling.add(key)

    def _seen(self, key: ProjectKey, use: Use) -> None:
        if self._servers.due(key, use):
            self._attending.add(key)

    def _look_at_everything(self) -> None:
        """With each new connection to the catalog. What it knows and nobody declares was removed unseen."""
        keys: set[Key] = set(self._source.declared())
        if self._source.complete:
            keys |= self._catalog.workspaces() | self._catalog.projects()
        for key in keys:
            self._reconciling.add(key)
            if isinstance(key, ProjectKey):
                self._attending.add(key)

    def _close(self) -> None:
        for part in (self._demand, self._source, self._reconciling, self._attending):
            part.stop()
        self._servers.close()
        for part in (self._demand, self._source, self._reconciling, self._attending):
            part.join()
        self._engine.dispose()


def _database(url: SecretStr) -> str:
    return make_url(url.get_secret_value()).database or ""
