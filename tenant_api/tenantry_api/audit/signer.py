"""Signs a checkpoint of each log that grew, and publishes it: in the catalog, and as a file off the database.

Each door does so for itself, whoever recorded and whoever signed first: what one door has verified, and keeps off the
database, is then known to all, and nothing is lost to the proof when one of them dies with its disk. Signatures of
Ed25519 are the same for the same text, so doors never differ.

Beside each published checkpoint stand the hashes of all leaves under it (`hashes`).

It trusts neither the table nor the shipper. It reads the new records back, hashes the bytes that are stored, and signs
only if they continue what it signed before and end in the frontier that the shipper left. One key must never sign two
checkpoints that contradict each other (c2sp.org/tlog-checkpoint): when they would, the log is not signed any more, it
is named in `refused`, and a person has to look. Recording goes on.

After a start it reads each log from its first record, so a database that was edited or put back to an older state while
the door was down is found against the checkpoint in the file.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tenantry_api.audit.checkpoint import Checkpoint, open_checkpoint, origin_of, sign_checkpoint
from tenantry_api.audit.hashes import LeafHashes
from tenantry_api.audit.keys import verifier
from tenantry_api.audit.note import NoteInvalid
from tenantry_api.audit.tree import EMPTY, Tree, leaf_hash
from tenantry_api.errors import DATABASE_ERRORS
from tenantry_api.vital import start_vital

__all__ = ["LogInconsistent", "Signer"]

_EVERY_SECONDS = 5.0
_SLICE = 1_000

# Several doors sign the same logs; the lock goes with the transaction.
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('audit.checkpoint/' || $1, 0))"
_LAST = "SELECT note FROM audit.checkpoint WHERE log = $1 ORDER BY size DESC LIMIT 1"
_SIZES = "SELECT name, size FROM audit.log ORDER BY name"
_STATE = "SELECT size, frontier FROM audit.log WHERE name = $1"
_LEAVES = "SELECT index, leaf FROM audit.event WHERE log = $1 AND index >= $2 AND index < $3 ORDER BY index"
_KEEP = "INSERT INTO audit.checkpoint (log, size, note) VALUES ($1, $2, $3)"

_log = structlog.get_logger(__name__)


class LogInconsistent(Exception):  # noqa: N818  # a finding
    """What is stored is not what was signed before."""


class Signer:
    """`origin` is the installation's part of each log's origin; `directory` is where checkpoints are published."""

    def __init__(self, pool: Any, key: Ed25519PrivateKey, origin: str, directory: Path) -> None:
        self._pool = pool
        self._key = key
        self._origin = origin
        self._directory = directory
        self._trees: dict[str, Tree] = {}
        self._one_at_a_time = asyncio.Lock()
        # By log: why it is not signed any more.
        self.refused: dict[str, str] = {}

    async def start(self) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        self._task = start_vital(self._run(), name="checkpoint-signer")

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def checkpoint(self, log: str) -> bytes:
        """The signed note over all that is in PostgreSQL now. Raises LogInconsistent; KeyError for an unknown log."""
        async with self._one_at_a_time:
            async with self._pool.acquire() as connection:
                # Without the lock first: other doors need not wait while this one reads a long log.
                await self._verified(connection, log, await self._known(connection, log))
                async with connection.transaction():
                    await connection.execute(_LOCK, log)
                    note = await self._signed(connection, log)
            # Before the next is signed: an older note must not come after it.
            await asyncio.to_thread(self._publish, log, note)
        return note

    async def _signed(self, connection: Any, log: str) -> bytes:
        known = await self._known(connection, log)
        tree = await self._verified(connection, log, known)
        note = sign_checkpoint(Checkpoint(origin_of(self._origin, log), tree.size, tree.root), self._key)
        if not known or tree.size > known[-1].size:
            await connection.execute(_KEEP, log, tree.size, note.decode())
        return note

    def published(self, log: str) -> bytes:
        """The last checkpoint that was signed here, whatever became of the records since."""
        if not self._path(log).exists():
            raise LogInconsistent(f"the log {log!r} was never signed by this door")
        return self._path(log).read_bytes()

    def hashes(self, log: str) -> LeafHashes:
        """The hashes of the leaves under the published checkpoint."""
        return LeafHashes(self._directory / f"{log}.leaves")

    async def _run(self) -> None:
        while True:
            try:
                for log, size in await self._pool.fetch(_SIZES):
                    if self._trees.get(log, EMPTY).size != size:
                        await self._attempt(log)
            except DATABASE_ERRORS as error:
                _log.warning("checkpoint.waits", reason=str(error) or type(error).__name__)
            await asyncio.sleep(_EVERY_SECONDS)

    async def _attempt(self, log: str) -> None:
        try:
            await self.checkpoint(log)
        except LogInconsistent as error:
            if self.refused.get(log) != str(error):
                _log.error("checkpoint.refused", log=log, reason=str(error))  # noqa: TRY400  # the message is the finding
            self.refused[log] = str(error)
        else:
            self.refused.pop(log, None)

    async def _known(self, connection: Any, log: str) -> list[Checkpoint]:
        """What was signed last, as the catalog and as the published file have it; smaller first."""
        row = await connection.fetchval(_LAST, log)
        path = self._path(log)
        notes = [row.encode()] if row else []
        notes += [path.read_bytes()] if path.exists() else []
        try:
            known = [open_checkpoint(note, verifier(self._key)) for note in notes]
        except NoteInvalid as error:
            raise LogInconsistent(f"the last checkpoint of {log!r} was not signed with this key: {error}") from error
        return sorted(known, key=lambda checkpoint: checkpoint.size)

    async def _verified(self, connection: Any, log: str, known: list[Checkpoint]) -> Tree:
        """The log's tree, from the stored bytes, if it continues `known` and ends where the shipper says."""
        state = await connection.fetchrow(_STATE, log)
        if state is None:
            raise KeyError(log)
        if log not in self._trees:
            self.hashes(log).keep(known[-1].size if known else 0)
        tree = self._trees.get(log, EMPTY)
        for checkpoint in known:
            # What this process verified already needs no second look, whoever signed it.
            if checkpoint.size >= tree.size:
                tree = await self._read(connection, log, tree, checkpoint.size)
                if tree.root != checkpoint.root:
                    raise LogInconsistent(f"the first {tree.size} records of {log!r} are not the ones that were signed")
        tree = await self._read(connection, log, tree, state["size"])
        if tree.frontier != tuple(state["frontier"]):
            raise LogInconsistent(f"the records of {log!r} are not the ones that were shipped")
        self._trees[log] = tree
        return tree

    async def _read(self, connection: Any, log: str, tree: Tree, size: int) -> Tree:
        if tree.size > size:
            raise LogInconsistent(f"the log {log!r} had {tree.size} records and has {size} now")
        while tree.size < size:
            expected = range(tree.size, min(tree.size + _SLICE, size))
            rows = await connection.fetch(_LEAVES, log, expected.start, expected.stop)
            if [row["index"] for row in rows] != list(expected):
                raise LogInconsistent(f"the log {log!r} lacks records between {expected.start} and {expected.stop}")
            hashes = [leaf_hash(row["leaf"]) for row in rows]
            changed = await asyncio.to_thread(self.hashes(log).meet, tree.size, hashes)
            if changed is not None:
                raise LogInconsistent(f"record {changed} of {log!r} is not the one that was signed")
            tree = tree.extended(hashes)
        return tree

    def _path(self, log: str) -> Path:
        return self._directory / f"{log}.checkpoint"

    def _publish(self, log: str, note: bytes) -> None:
        """Replace the file whole: a reader sees the old checkpoint or the new one."""
        unfinished = self._directory / f".{log}.next"
        with unfinished.open("wb") as file:
            file.write(note)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(self._path(log))
