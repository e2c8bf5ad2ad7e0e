"""What the pipeline relies on: durable before it returns, in order, refused when the device refuses, and back again."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tenantry_api.record.recorder import Recorder, RecordUnavailable
from tenantry_api.record.wal import WriteAheadLog
from tests.support.record import an_intent, an_outcome
from tests.support.wait import until_async


@pytest.fixture
async def recorder(tmp_path: Path) -> AsyncIterator[Recorder]:
    recorder = Recorder(tmp_path)
    await recorder.start()
    yield recorder
    await recorder.stop()


def _kept(directory: Path) -> list[bytes]:
    log = WriteAheadLog(directory)
    try:
        return log.read(0, 100_000)[0]
    finally:
        log.close()


async def test_what_was_written_is_there_in_the_order_of_its_writing(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    await recorder.start()
    intents = [an_intent(nth) for nth in range(50)]
    for event in intents:
        recorder.write_soon(event)
        await recorder.write(an_outcome(event))
    await recorder.stop()

    assert _kept(tmp_path) == [leaf for event in intents for leaf in (event.leaf, an_outcome(event).leaf)]


async def test_many_writers_share_a_sync(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    real, syncs = os.fdatasync, []
    monkeypatch.setattr(os, "fdatasync", lambda fd: (syncs.append(fd), real(fd)))

    await asyncio.gather(*(recorder.write(an_intent(nth)) for nth in range(1_000)))

    assert len(syncs) < 100


async def test_a_group_that_is_full_leaves_the_rest_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tenantry_api.record.recorder._GROUP_EVENTS", 3)
    recorder = Recorder(tmp_path)
    await recorder.start()
    events = [an_intent(nth) for nth in range(20)]
    await asyncio.gather(*(asyncio.wait_for(recorder.write(event), 5) for event in events))
    await recorder.stop()

    assert _kept(tmp_path) == [event.leaf for event in events]


async def test_stopping_keeps_what_was_written_lazily(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    await recorder.start()
    for nth in range(100):
        recorder.write_soon(an_intent(nth))
    await recorder.stop()

    assert _kept(tmp_path) == [an_intent(nth).leaf for nth in range(100)]


async def test_a_writer_that_gave_up_harms_nobody(recorder: Recorder) -> None:
    gone = asyncio.create_task(recorder.write(an_intent(1)))
    await asyncio.sleep(0)
    gone.cancel()
    await recorder.write(an_intent(2))

    assert recorder.wal.read(0, 10)[0] == [an_intent(1).leaf, an_intent(2).leaf]


async def test_a_full_device_refuses_keeps_what_is_lazy_and_comes_back(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", full)
        recorder.write_soon(an_intent(1))
        with pytest.raises(RecordUnavailable, match="No space left"):
            await recorder.write(an_intent(2))
        assert not recorder.healthy

    async def healthy() -> bool:
        return recorder.healthy

    await until_async(healthy, what="the device to be asked again")
    await recorder.write(an_intent(3))
    assert recorder.wal.read(0, 10)[0] == [an_intent(1).leaf, an_intent(3).leaf]


async def test_after_a_failed_sync_it_stays_unhealthy(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_fd: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", broken)
        with pytest.raises(RecordUnavailable, match="Input/output error"):
            await recorder.write(an_intent(1))
    with pytest.raises(RecordUnavailable, match="restart the door"):
        await recorder.write(an_intent(2))
    assert not recorder.healthy


async def test_a_mistake_of_ours_refuses_and_hangs_nobody(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    def mistaken(*_arguments: object) -> None:
        raise ValueError("not a number")

    with monkeypatch.context() as patched:
        patched.setattr(recorder.wal, "append", mistaken)
        for _ in range(2):
            with pytest.raises(RecordUnavailable, match="not a number"):
                await asyncio.wait_for(recorder.write(an_intent(1)), 5)
        assert not recorder.healthy

    async def healthy() -> bool:
        return recorder.healthy

    await until_async(healthy, what="the log to be asked again")


async def test_a_device_that_hangs_is_not_healthy(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    real, go_on = os.fdatasync, threading.Event()

    def hang(fd: int) -> None:
        go_on.wait()
        real(fd)

    monkeypatch.setattr(os, "fdatasync", hang)
    monkeypatch.setattr("tenantry_api.record.recorder._SLOW_SECONDS", 0.05)
    waiting = asyncio.create_task(recorder.write(an_intent(1)))

    async def unhealthy() -> bool:
        return not recorder.healthy

    await until_async(unhealthy, what="the hanging sync to be noticed")
    assert not waiting.done()
    go_on.set()
    await waiting
    assert recorder.healthy


async def test_it_is_not_healthy_before_its_start(tmp_path: Path) -> None:
    assert not Recorder(tmp_path).healthy


_WRITES_AND_SAYS_SO = """
import asyncio, os, pathlib, sys
from tenantry_api.record.recorder import Recorder
from tests.support.record import an_intent

async def write(recorder, nth):
    await recorder.write(an_intent(nth, resource=f"mark-{nth:04d}"))
    os.write(1, f"acknowledged mark-{nth:04d}".encode())

async def main():
    recorder = Recorder(pathlib.Path(sys.argv[1]))
    await recorder.start()
    for first in range(0, 120, 6):
        await asyncio.gather(*(write(recorder, first + nth) for nth in range(6)))
    await recorder.stop()

asyncio.run(main())
"""
_MARK = re.compile(r"mark-\d{4}")


def test_no_acknowledgement_comes_before_the_sync_of_its_record(tmp_path: Path) -> None:
    """As the kernel saw it: a process that is killed keeps its page cache, so a kill cannot show a missing sync."""
    written: set[str] = set()
    syncing: set[str] = set()
    synced: set[str] = set()
    acknowledged = 0
    for line in _trace(tmp_path):
        if "pwrite64(" in line:
            written |= set(_MARK.findall(line))
        elif "fdatasync(" in line or "fdatasync resumed" in line:
            syncing = set(written) if "fdatasync(" in line else syncing
            synced |= syncing if line.endswith("= 0") else set()
        elif "acknowledged" in line:
            assert set(_MARK.findall(line)) <= synced
            acknowledged += 1
    assert acknowledged == 120


def _trace(tmp_path: Path) -> list[str]:
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    trace = tmp_path / "trace"
    options = ["-f", "-qq", "-s", "1000000", "-e", "trace=pwrite64,fdatasync,write", "-o", str(trace)]
    command = [strace, *options, sys.executable, "-c", _WRITES_AND_SAYS_SO, str(tmp_path / "record")]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if "ptrace" in ran.stderr:
        pytest.skip(f"strace may not trace here: {ran.stderr.splitlines()[0]}")
    assert ran.returncode == 0, ran.stderr
    return trace.read_text().splitlines()
