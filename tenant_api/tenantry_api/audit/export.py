"""Writes an export: everything in a workspace's log, in the form that `verify` checks offline.

Everything acknowledged before the export is in it, its own record included: the record is made durable, the shipper is
waited for, a checkpoint is signed, and only then is the first byte sent. Memory is bounded: records stream from
PostgreSQL into the zip file and out.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import IO, Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tenantry_api.audit.bundle import CHECKPOINT, EVENTS, FORMAT, LEAVES, MANIFEST, SIGNATURE
from tenantry_api.audit.checkpoint import Checkpoint, read_checkpoint
from tenantry_api.audit.note import signature
from tenantry_api.audit.signer import LogInconsistent, Signer
from tenantry_api.record.canonical import canonical, instant
from tenantry_api.record.event import Head, notice
from tenantry_api.record.recorder import Recorder
from tenantry_api.record.shipper import Shipper

__all__ = ["Exporter"]

OPERATION = "audit.export"

_SHIPPED_WITHIN = 30.0
_SLICE = 1_000
_LEAVES = "SELECT leaf FROM audit.event WHERE log = $1 AND index >= $2 AND index < $3 ORDER BY index"


class Exporter:
    def __init__(self, pool: Any, key: Ed25519PrivateKey, recorder: Recorder, shipper: Shipper, signer: Signer) -> None:
        self._pool = pool
        self._key = key
        self._recorder = recorder
        self._shipper = shipper
        self._signer = signer

    async def export(self, request: Head) -> AsyncIterator[bytes]:
        """Record it, sign a checkpoint, and give the zip file in pieces. `request` is also its record's head.

        Raises, before the first piece, RecordUnavailable, or TimeoutError when PostgreSQL does not take the records.
        """
        await self._recorder.write(notice(request, operation=OPERATION, details={"format": FORMAT}))
        await self._shipper.drained(within=_SHIPPED_WITHIN)
        return self._pieces(request, await self._checkpoint(request.log))

    async def _checkpoint(self, log: str) -> bytes:
        """A new one; or, of a log that is not signed any more, the last: then `verify` shows what happened to it."""
        try:
            return await self._signer.checkpoint(log)
        except LogInconsistent:
            return self._signer.published(log)

    async def _pieces(self, request: Head, note: bytes) -> AsyncIterator[bytes]:
        checkpoint = read_checkpoint(note)
        archive = _Archive()
        with archive.file(EVENTS) as file:
            async for leaves in self._leaves(request.log, checkpoint.size):
                file.write(b"".join(leaf + b"\n" for leaf in leaves))
                yield archive.taken()
        with archive.file(LEAVES) as file:
            known = self._signer.hashes(request.log).read(0, checkpoint.size)
            while hashes := list(islice(known, _SLICE)):
                file.write(b"".join(found.hex().encode() + b"\n" for found in hashes))
                yield archive.taken()
        archive.write(CHECKPOINT, note)
        manifest = _manifest(request, checkpoint, archive.digests)
        archive.write(MANIFEST, manifest)
        archive.write(SIGNATURE, signature(manifest, checkpoint.origin, self._key))
        yield archive.finished()

    async def _leaves(self, log: str, size: int) -> AsyncIterator[list[bytes]]:
        for start in range(0, size, _SLICE):
            rows = await self._pool.fetch(_LEAVES, log, start, min(start + _SLICE, size))
            yield [row["leaf"] for row in rows]


class _Archive:
    """A zip file that is written once, front to back, and taken away in pieces; and the digest of each file in it."""

    def __init__(self) -> None:
        self._buffer = _Buffer()
        self._zip = zipfile.ZipFile(self._buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
        self.digests: dict[str, str] = {}

    @contextmanager
    def file(self, name: str) -> Iterator[_Digested]:
        with self._zip.open(name, "w", force_zip64=True) as file:
            digested = _Digested(file)
            yield digested
        self.digests[name] = digested.digest.hexdigest()

    def write(self, name: str, data: bytes) -> None:
        with self.file(name) as file:
            file.write(data)

    def taken(self) -> bytes:
        return self._buffer.taken()

    def finished(self) -> bytes:
        self._zip.close()
        return self._buffer.taken()


class _Digested:
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def write(self, data: bytes) -> None:
        self.digest.update(data)
        self._file.write(data)


class _Buffer:
    """What zipfile writes to. It cannot seek, so zipfile never goes back."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing waits here."""

    def close(self) -> None:
        """Nothing is open here."""

    def taken(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


def _manifest(request: Head, checkpoint: Checkpoint, digests: dict[str, str]) -> bytes:
    said = canonical(
        {
            "count": checkpoint.size,
            "created": instant(request.at),
            "exported_by": request.actor.name,
            "files": digests,
            "first": 0,
            "format": FORMAT,
            "id": str(request.id),
            "log": request.log,
            "origin": checkpoint.origin,
        }
    )
    return said + b"\n"
