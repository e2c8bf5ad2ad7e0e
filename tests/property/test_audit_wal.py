"""Power loss: whatever the device loses that was not synced, all that was acknowledged is there, in order.

The device is simulated: it keeps, of each file, what it held at its last sync, and of each 512-byte sector that was
written since, either the new or the old content, as chance has it; and a file whose folder was not synced since it came
may be gone.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from tenantry_api.record.wal import WriteAheadLog

_SECTOR = 512
_SEGMENT = 3_000

groups = st.lists(st.lists(st.binary(min_size=1, max_size=900), min_size=1, max_size=6), min_size=1, max_size=25)


class PowerLoss(BaseException):
    """Nothing after this is executed."""


class Device:
    """Stands in for the calls of `os` that write, until the `dies_after`th of them."""

    def __init__(self, directory: Path, dies_after: int) -> None:
        self._left = dies_after
        self._synced = {path.stat().st_ino: path.read_bytes() for path in directory.iterdir()}
        self._named = set(self._synced)
        self._pwrite, self._fdatasync, self._fsync = os.pwrite, os.fdatasync, os.fsync

    @contextmanager
    def powered(self) -> Iterator[None]:
        with (
            mock.patch.object(os, "pwrite", self._write),
            mock.patch.object(os, "fdatasync", self._sync),
            mock.patch.object(os, "fsync", self._sync),
        ):
            yield

    def lose(self, directory: Path, random: Random) -> None:
        """What the files hold when the power is back."""
        for path in directory.glob("*.wal"):
            if path.stat().st_ino not in self._named and random.random() < 0.5:
                path.unlink()
                continue
            now, before = path.read_bytes(), self._synced[path.stat().st_ino]
            size = random.choice([len(now), len(before)])
            sectors = range(0, size, _SECTOR)
            path.write_bytes(
                b"".join(random.choice([now, before]).ljust(size, b"\0")[at : at + _SECTOR] for at in sectors)[:size]
            )

    def _write(self, fd: int, data: bytes, offset: int) -> int:
        self._spend()
        return self._pwrite(fd, data, offset)

    def _sync(self, fd: int) -> None:
        self._spend()
        self._fsync(fd)
        status = os.fstat(fd)
        if stat.S_ISREG(status.st_mode):
            self._synced[status.st_ino] = os.pread(fd, status.st_size, 0)
        else:
            self._named = {entry.inode() for entry in os.scandir(fd)}

    def _spend(self) -> None:
        if self._left == 0:
            raise PowerLoss
        self._left -= 1


@given(groups, st.integers(0, 120), st.randoms(use_true_random=False))
def test_what_was_acknowledged_survives_a_power_loss(
    written: list[list[bytes]], dies_after: int, random: Random
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        WriteAheadLog(directory, segment_bytes=_SEGMENT).close()
        device = Device(directory, dies_after)
        acknowledged, shipped, under_way = _write(directory, device, written)
        device.lose(directory, random)

        found = _read(directory)
        possible = [[*acknowledged, *under_way[:more]] for more in range(len(under_way) + 1)]
        kept = [one[-len(found) :] if found else [] for one in possible if len(one) - len(found) <= shipped]
        assert found in kept


def _write(directory: Path, device: Device, written: list[list[bytes]]) -> tuple[list[bytes], int, list[bytes]]:
    """What was acknowledged, how much of that was shipped and may be gone, and the group that the power loss met."""
    acknowledged: list[bytes] = []
    group: list[bytes] = []
    position = shipped = 0
    with device.powered():
        try:
            log = WriteAheadLog(directory, segment_bytes=_SEGMENT)
        except PowerLoss:
            return [], 0, []
        try:
            for group in written:
                log.append(group)
                acknowledged += group
                taken, position = log.read(position, 3)
                shipped += len(taken)
                log.release(position)
            group = []
        except PowerLoss:
            pass
    log.close()
    return acknowledged, shipped, group


def _read(directory: Path) -> list[bytes]:
    log = WriteAheadLog(directory, segment_bytes=_SEGMENT)
    try:
        return log.read(0, 10_000)[0]
    finally:
        log.close()
