"""An iterator of chunks as a file that is read once, hashed on the way."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

__all__ = ["Stream"]


class Stream:
    """What boto3 uploads. `size` and `sha256` are of what was read so far."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = bytearray()
        self._digest = sha256()
        self.size = 0

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def read(self, amount: int = -1) -> bytes:
        """Return `amount` bytes, fewer only at the end; all that is left for a negative amount."""
        while amount < 0 or len(self._rest) < amount:
            chunk = next(self._chunks, None)
            if chunk is None:
                break
            self._rest += chunk
        end = len(self._rest) if amount < 0 else amount
        taken = bytes(self._rest[:end])
        del self._rest[:end]
        self._digest.update(taken)
        self.size += len(taken)
        return taken
