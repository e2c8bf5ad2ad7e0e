"""The hash of every leaf of a log, 32 bytes each, in a file off the database.

The signer writes it from what it verified. So when a record in the database is changed later, this still says what its
hash was: the signer can name the record, and so can whoever verifies an export.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["LeafHashes"]

_BYTES = 32


class LeafHashes:
    """One log's file. Only as many hashes as were signed are to be believed after a crash: `keep` cuts off the rest."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def keep(self, size: int) -> None:
        """Keep the first `size` hashes, or as many as there are."""
        with self._path.open("ab") as file:
            file.truncate(min(file.tell(), size * _BYTES))

    def meet(self, start: int, hashes: list[bytes]) -> int | None:
        """Add the hashes that are new from index `start` on. Returns the first index where a known one is another."""
        known = list(self.read(start, start + len(hashes)))
        for nth, (one, other) in enumerate(zip(known, hashes, strict=False)):
            if one != other:
                return start + nth
        if len(known) < len(hashes):
            self._append(hashes[len(known) :])
        return None

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        """The hashes from index `start` up to `stop`, or up to the end."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(start * _BYTES)
            for _ in range(start, stop):
                if len(found := file.read(_BYTES)) < _BYTES:
                    return
                yield found

    def _append(self, hashes: list[bytes]) -> None:
        with self._path.open("ab") as file:
            file.write(b"".join(hashes))
            file.flush()
            os.fsync(file.fileno())
