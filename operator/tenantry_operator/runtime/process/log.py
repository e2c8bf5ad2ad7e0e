"""A server's log: a file of bounded size that the server appends to, and what of it may be shown."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final

__all__ = ["Log", "without_secrets"]

_TAIL_BYTES: Final = 8192
_TAIL_LINES: Final = 3
_LINE: Final = 300
_HIDDEN: Final = "***"
# The user and password of a URL, as drivers print it in their errors.
_CREDENTIALS = re.compile(r"(?<=://)[^/\s@]+(?=@)")


class Log:
    """`path` and, once that is full, `path` with `.1` behind it: twice `most` bytes at most, but for the last look."""

    def __init__(self, path: Path, most: int) -> None:
        self._path = path
        self._older = path.with_name(f"{path.name}.1")
        self._most = most
        # Where the present writer began: what is before that is of another run.
        self._begin = 0

    def open(self) -> int:
        """A descriptor to append to, private to this user."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.trim()
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._begin = os.fstat(descriptor).st_size
        return descriptor

    def trim(self) -> None:
        """Copy a full file away and empty it. Its writer appends, so that it goes on at the beginning."""
        if self._path.exists() and self._path.stat().st_size > self._most:
            shutil.copy2(self._path, self._older)
            os.truncate(self._path, 0)
            self._begin = 0

    def tail(self, secrets: Iterable[str]) -> str:
        """The last lines since `open`, on one line, shortened, without `secrets`; empty when there is nothing."""
        if not self._path.exists():
            return ""
        with self._path.open("rb") as file:
            file.seek(max(self._begin, self._path.stat().st_size - _TAIL_BYTES))
            lines = file.read().decode("utf-8", errors="replace").split("\n")
        kept = [line.strip() for line in lines if line.strip()][-_TAIL_LINES:]
        return without_secrets(" | ".join(line[:_LINE] for line in kept), secrets)


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    """`text` with each of `secrets`, and the user and password of any URL, hidden."""
    # The longest first: one may be a part of another.
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, _HIDDEN)
    return _CREDENTIALS.sub(_HIDDEN, text)
