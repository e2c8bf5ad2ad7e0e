"""Listens for demand: which backends are wanted, and which nobody has used for long.

A notification starts a server at once. Once a second the tables are read as well, which finds what a lost connection
missed, and what is idle.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from threading import Event, Thread
from typing import Final

import psycopg
import structlog
from psycopg import Connection
from pydantic import SecretStr
from sqlalchemy.exc import SQLAlchemyError

from tenantry_catalog.engine import libpq_url
from tenantry_operator.backends import Use
from tenantry_operator.facts import ProjectKey

__all__ = ["Demand"]

_POLL_SECONDS: Final = 1.0
_FIRST_DELAY: Final = 0.1
_LAST_DELAY: Final = 2.0
# PostgreSQL that is started anew is soon back: not each resource has to say so.
_PATIENCE: Final = 10.0

_USES: Final = """
SELECT workspace, project, d.wanted_at IS NOT NULL, coalesce(now() - greatest(b.since, d.used_at), interval '0')
FROM catalog.backend b LEFT JOIN catalog.demand d USING (workspace, project)
WHERE d.wanted_at IS NOT NULL OR b.state = 'running'
"""

log = structlog.get_logger(__name__)


class Demand:
    """`seen` is called with the use of each backend that is wanted or runs; `connected` after each connection, because
    anything may have happened before; `away` once when there was none for some time.
    """

    def __init__(
        self,
        url: SecretStr,
        *,
        seen: Callable[[ProjectKey, Use], None],
        connected: Callable[[], None],
        away: Callable[[], None],
    ) -> None:
        self._url = libpq_url(url.get_secret_value())
        self._seen = seen
        self._connected, self._away = connected, away
        self._outage = _Outage()
        self._stop = Event()
        self._thread = Thread(target=self._run, name="demand", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()

    def join(self) -> None:
        """Return when its thread has ended, also if it never began."""
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        delay = _FIRST_DELAY
        while not self._stop.is_set():
            try:
                with self._listening() as connection:
                    delay = _FIRST_DELAY
                    self._outage.ends()
                    self._connected()
                    self._listen(connection)
            except (psycopg.Error, SQLAlchemyError) as error:  # The one is ours, the other of whoever was called.
                if self._outage.lasts((str(error).strip() or "-").splitlines()[0]):
                    self._away()
                self._stop.wait(delay)
                delay = min(delay * 2, _LAST_DELAY)

    def _listening(self) -> Connection:
        connection = psycopg.connect(
            self._url, autocommit=True, connect_timeout=5, application_name="tenantry-operator-demand"
        )
        connection.execute("LISTEN demand")
        return connection

    def _listen(self, connection: Connection) -> None:
        while not self._stop.is_set():
            for workspace, project, wanted, idle in connection.execute(_USES).fetchall():
                self._seen(ProjectKey(workspace, project), Use(wanted, idle))
            for notification in connection.notifies(timeout=_POLL_SECONDS):
                workspace, _, project = notification.payload.partition("/")
                self._seen(ProjectKey(workspace, project), Use(wanted=True, idle=timedelta(0)))


class _Outage:
    """Says once when PostgreSQL goes, and once when it is back."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._told = False

    def lasts(self, reason: str) -> bool:
        """Return True once, when it has lasted for long."""
        if self._since is None:
            self._since = time.monotonic()
            log.warning("waiting for the catalog's PostgreSQL", reason=reason)
        news = not self._told and time.monotonic() - self._since > _PATIENCE
        self._told = self._told or news
        return news

    def ends(self) -> None:
        if self._since is not None:
            log.info("the catalog answers again")
        self._since, self._told = None, False
