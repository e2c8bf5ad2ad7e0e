"""The reading side of the record, put together: what routes and pages are given."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tenantry_api.audit.checkpoint import origin_of
from tenantry_api.audit.export import Exporter
from tenantry_api.audit.keys import public_pem, verifier
from tenantry_api.audit.search import Page, Query, search
from tenantry_api.audit.signer import Signer
from tenantry_api.engine import asyncpg_url
from tenantry_api.record.event import Head
from tenantry_api.record.recorder import Recorder
from tenantry_api.record.shipper import Shipper

__all__ = ["AuditLog"]

_CONNECTIONS = 4


class AuditLog:
    """Who may read which log is decided before this is called; that it was read is recorded by the caller.

    `origin` is the installation's part of each log's origin; `directory` is where checkpoints are published. An export
    records itself. PostgreSQL may be down when it starts.
    """

    def __init__(
        self,
        *,
        catalog_url: str,
        key: Ed25519PrivateKey,
        origin: str,
        directory: Path,
        recorder: Recorder,
        shipper: Shipper,
    ) -> None:
        self._url = asyncpg_url(catalog_url)
        self._key = key
        self._origin = origin
        self._directory = directory
        self._recorder = recorder
        self._shipper = shipper

    async def start(self) -> None:
        self._pool = await asyncpg.create_pool(self._url, min_size=0, max_size=_CONNECTIONS, command_timeout=30)
        self._signer = Signer(self._pool, self._key, self._origin, self._directory)
        self._exporter = Exporter(self._pool, self._key, self._recorder, self._shipper, self._signer)
        await self._signer.start()

    async def stop(self) -> None:
        await self._signer.stop()
        self._pool.terminate()

    async def search(self, log: str, query: Query, *, before: int | None = None, limit: int = 100) -> Page:
        """See `search.search`. PostgreSQL down: OSError, or an error of asyncpg."""
        return await search(self._pool, log, query, before=before, limit=limit)

    async def export(self, request: Head) -> AsyncIterator[bytes]:
        """See `Exporter.export`."""
        return await self._exporter.export(request)

    @property
    def shipping(self) -> bool:
        """Whether records are still copied to PostgreSQL, at once or when it is back."""
        return self._shipper.alive

    @property
    def refused(self) -> dict[str, str]:
        """The logs that are not signed any more, and why: a person has to look."""
        return self._signer.refused

    def public_key(self) -> bytes:
        """PEM."""
        return public_pem(self._key)

    def verifier_key(self, log: str) -> str:
        """The same key as other verifiers of signed notes take it, with the log's name."""
        origin = origin_of(self._origin, log)
        return verifier(self._key).line(origin)
