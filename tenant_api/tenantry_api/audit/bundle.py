"""An export on disk: a zip file, or the same files in a folder. `docs/audit-format.md` says what each holds."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

__all__ = [
    "CHECKPOINT",
    "EVENTS",
    "FILES",
    "FORMAT",
    "LEAVES",
    "MANIFEST",
    "SIGNATURE",
    "Bundle",
    "BundleUnreadable",
]

FORMAT = "tenantry.dev/audit-export/v1"

EVENTS = "events.jsonl"
LEAVES = "leaves.sha256"
CHECKPOINT = "checkpoint"
MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"
FILES = (EVENTS, LEAVES, CHECKPOINT, MANIFEST, SIGNATURE)

# The three small files; more than this is not one of ours.
_SMALL_BYTES = 1024 * 1024
_BROKEN = (OSError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError)


class BundleUnreadable(Exception):  # noqa: N818  # it is the bundle that cannot be read
    """Not an export, or one that was damaged on the way. Nothing can be said about its records."""


class Bundle:
    """Read only. Raises BundleUnreadable unless exactly the five files are there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with _readable(path):
            names = sorted(self._names())
        if names != sorted(FILES):
            raise BundleUnreadable(f"{path} holds {', '.join(names) or 'nothing'}; an export holds {', '.join(FILES)}")

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        with _readable(self._path):
            if self._path.is_dir():
                with (self._path / name).open("rb") as file:
                    yield file
                return
            with zipfile.ZipFile(self._path) as archive, archive.open(name) as file:
                yield file

    def read(self, name: str) -> bytes:
        """One of the small files, whole."""
        with self.open(name) as file:
            data = file.read(_SMALL_BYTES + 1)
        if len(data) > _SMALL_BYTES:
            raise BundleUnreadable(f"{name} is longer than {_SMALL_BYTES} bytes")
        return data

    def _names(self) -> list[str]:
        if self._path.is_dir():
            return [path.name for path in self._path.iterdir()]
        with zipfile.ZipFile(self._path) as archive:
            return archive.namelist()


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except _BROKEN as error:
        raise BundleUnreadable(f"{path} cannot be read: {error}") from error
