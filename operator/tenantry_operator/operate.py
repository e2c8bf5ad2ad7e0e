"""The operator at work: keys that have to be looked at, servers that are wanted, and who does it. The same everywhere;
`machine` and `cluster` put the parts together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event
from typing import Final

import structlog
from pydantic import SecretStr
from sqlalchemy import Engine, make_url
from sqlalchemy.exc import SQLAlchemyError

from tenantry_catalog.engine import sync_engine
from tenantry_operator.backends import Backends, Use
from tenantry_operator.demand import Demand
from tenantry_operator.facts import Key, ProjectKey, WorkspaceKey
from tenantry_operator.outcome import Outcome
from tenantry_operator.publish import Catalog
from tenantry_operator.reconcile import Reconciler
from tenantry_operator.servers import Servers
from tenantry_operator.sources import Watched
from tenantry_operator.workqueue import WorkQueue

__all__ = ["Build", "Calls", "Operator", "Parts", "database_of"]

# Cloning databases and probing is PostgreSQL's work more than ours.
_RECONCILERS: Final = 8
# Each may wait for a server that starts; those that wait cost nothing.
_ATTENDANTS: Final = 16
# What nobody reported (a dropped role, a full disk) is found this late.
RESYNC_SECONDS: Final = 300.0
# A pod that neither starts nor fails says nothing.
_WAITING_SECONDS: Final = 30.0
_LAST_DELAY: Final = 5.0
# Projects come in crowds: the workspace is not counted anew for each.
_COUNT_SECONDS: Final = 1.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Calls:
    """What parts tell the operator, from any thread."""

    # A manifest changed.
    changed: Callable[[Key], None]
    # Something that was made for this key changed: an object, or a server that ended by itself, or runs again.
    touched: Callable[[Key], None]


@dataclass(frozen=True, slots=True)
class Parts:
    """What differs between one machine and a cluster."""

    source: Watched
    servers: Servers
    reconciler: Reconciler
    # Servers end with the operator, so none runs when it starts.
    servers_end_with_us: bool


Build = Callable[[Engine, Calls], Parts]


class Operator:
    """`run` until it is told to stop."""

    def __init__(self, catalog_url: SecretStr, build: Build) -> None:
        self._engine = sync_engine(catalog_url.get_secret_value(), application="tenantry-operator")
        self._reconciling = WorkQueue[Key]("reconcile", self._reconcile, _RECONCILERS)
        self._attending = WorkQueue[ProjectKey]("attend", self._attend, _ATTENDANTS)
        self._catalog, self._backends = Catalog(self._engine), Backends(self._engine)
        self._parts = build(self._engine, Calls(self._changed, self._touched))
        self._demand = Demand(
            catalog_url, seen=self._seen, connected=self._look_at_everything, away=self._look_at_what_is_declared
        )

    @property
    def due(self) -> int:
        """How many keys wait to be looked at, or are being looked at."""
        return self._reconciling.due

    def run(self, stop: Event) -> None:
        try:
            if not self._parts.servers_end_with_us or self._reset(stop):
                self._parts.source.start()
                self._reconciling.start()
                self._attending.start()
                self._demand.start()
                stop.wait()
        finally:
            self._close()

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
        outcome = self._parts.reconciler.reconcile(key)
        if key in self._parts.source.declared():
            self._reconciling.add(key, _WAITING_SECONDS if outcome is Outcome.WAITING else RESYNC_SECONDS)
        elif isinstance(key, ProjectKey):
            # Its workspace may have waited for it.
            self._reconciling.add(WorkspaceKey(key.workspace), _COUNT_SECONDS)
        return outcome is not Outcome.TROUBLE

    def _attend(self, key: ProjectKey) -> bool:
        if self._parts.servers.attend(key):
            self._reconciling.add(key)
        return True

    def _changed(self, key: Key) -> None:
        """A workspace's projects inherit from it, and it counts them."""
        self._reconciling.add(key)
        if isinstance(key, ProjectKey):
            self._reconciling.add(WorkspaceKey(key.workspace), _COUNT_SECONDS)
        else:
            for other in self._parts.source.declared():
                if isinstance(other, ProjectKey) and other.workspace == key.workspace:
                    self._reconciling.add(other)

    def _touched(self, key: Key) -> None:
        """The door first, then the conditions."""
        if isinstance(key, ProjectKey):
            self._attending.add(key)
        self._reconciling.add(key)

    def _seen(self, key: ProjectKey, use: Use) -> None:
        if self._parts.servers.due(key, use):
            self._attending.add(key)

    def _look_at_everything(self) -> None:
        """With each new connection to the catalog. What it knows and nobody declares was removed unseen."""
        source = self._parts.source
        keys: set[Key] = set(source.declared())
        if source.complete:
            keys |= self._catalog.workspaces() | self._catalog.projects()
        for key in keys:
            self._reconciling.add(key)
            if isinstance(key, ProjectKey):
                self._attending.add(key)

    def _look_at_what_is_declared(self) -> None:
        """The catalog is away, and each resource has to say so."""
        for key in self._parts.source.declared():
            self._reconciling.add(key)

    def _close(self) -> None:
        parts = (self._demand, self._parts.source, self._reconciling, self._attending)
        for part in parts:
            part.stop()
        self._parts.servers.close(reset=self._parts.servers_end_with_us)
        for part in parts:
            part.join()
        self._engine.dispose()


def database_of(url: SecretStr) -> str:
    return make_url(url.get_secret_value()).database or ""
