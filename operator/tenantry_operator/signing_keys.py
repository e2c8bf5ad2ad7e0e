"""Publishes the cluster's signing keys to the catalog, where the door finds them, and follows when they rotate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Event, Thread
from typing import Any, Final

import structlog
from sqlalchemy import Engine, delete, func, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from tenantry_catalog.tables import cluster_key
from tenantry_operator.errors import OperatorError

__all__ = ["SigningKeys", "publish_keys"]

_EVERY_SECONDS: Final = 60.0
_AGAIN_SECONDS: Final = 5.0

log = structlog.get_logger(__name__)

Fetch = Callable[[], tuple[str, Mapping[str, Mapping[str, Any]]]]


class SigningKeys:
    """A thread that looks once a minute; `fetch` returns the issuer and its keys by `kid`."""

    def __init__(self, engine: Engine, fetch: Fetch) -> None:
        self._engine, self._fetch = engine, fetch
        self._stop = Event()
        self._thread = Thread(target=self._run, name="signing keys", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()

    def _run(self) -> None:
        delay = 0.0
        while not self._stop.wait(delay):
            try:
                publish_keys(self._engine, *self._fetch())
                delay = _EVERY_SECONDS
            except (OperatorError, SQLAlchemyError) as error:
                log.warning("the cluster's signing keys are not published", reason=str(error).splitlines()[0])
                delay = _AGAIN_SECONDS


def publish_keys(engine: Engine, issuer: str, keys: Mapping[str, Mapping[str, Any]]) -> None:
    """Write what is new and take away what is gone, an issuer too: what no longer signs opens nothing."""
    table = cluster_key
    wanted = {(issuer, kid): dict(jwk) for kid, jwk in keys.items()}
    with engine.begin() as connection:
        rows = connection.execute(select(table.c.issuer, table.c.kid, table.c.jwk))
        known = {(row.issuer, row.kid): row.jwk for row in rows}
        for issued, kid in known.keys() - wanted.keys():
            connection.execute(delete(table).where(table.c.issuer == issued, table.c.kid == kid))
        for (issued, kid), jwk in wanted.items():
            if (issued, kid) not in known:
                connection.execute(insert(table).values(issuer=issued, kid=kid, jwk=jwk))
            elif known[issued, kid] != jwk:
                row = update(table).where(table.c.issuer == issued, table.c.kid == kid)
                connection.execute(row.values(jwk=jwk, updated_at=func.now()))
