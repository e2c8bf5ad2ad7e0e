"""The write-ahead log on a real directory: what it keeps, what it refuses, and what it finds after a crash."""

from __future__ import annotations

import errno
import os
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tenantry_api.record.frames import HEADER_BYTES
from tenantry_api.record.wal import RecordDamaged, RecordUnavailable, WriteAheadLog

SEGMENT = 4_096


@contextmanager
def _log(directory: Path, **options: int) -> Iterator[WriteAheadLog]:
    log = WriteAheadLog(directory, **{"segment_bytes": SEGMENT, **options})
    try:
        yield log
    finally:
        log.close()


def _payloads(count: int, first: int = 0) -> list[bytes]:
    return [f"payload {first + nth:04d} {'x' * 80}".encode() for nth in range(count)]


def _segments(directory: Path) -> list[Path]:
    return sorted(directory.glob("*.wal"))


def _all(log: WriteAheadLog, position: int = 0) -> list[bytes]:
    found: list[bytes] = []
    while (more := log.read(position, 7))[0]:
        found += more[0]
        position = more[1]
    assert position == log.end or not found
    return found


def test_what_was_appended_is_read_in_its_order(tmp_path: Path) -> None:
    with _log(tmp_path) as log:
        for nth in range(0, 200, 5):
            log.append(_payloads(5, nth))

        assert _all(log) == _payloads(200)
        assert len(_segments(tmp_path)) > 3


def test_it_is_all_there_after_it_was_closed(tmp_path: Path) -> None:
    with _log(tmp_path) as log:
        log.append(_payloads(100))
        spool = log.spool
    with _log(tmp_path) as log:
        log.append(_payloads(100, 100))

        assert log.spool == spool
        assert _all(log) == _payloads(200)


def test_reading_goes_on_from_any_position_that_it_gave(tmp_path: Path) -> None:
    with _log(tmp_path) as log:
        for nth in range(60):
            log.append(_payloads(1, nth))
        position = 0
        for nth in range(60):
            assert _all(log, position) == _payloads(60 - nth, nth)
            _, position = log.read(position, 1)


def test_a_group_larger_than_a_segment_is_one_group(tmp_path: Path) -> None:
    with _log(tmp_path) as log:
        log.append(_payloads(100))
        log.append(_payloads(100, 100))

        assert _all(log) == _payloads(200)


def test_only_segments_that_were_shipped_whole_are_deleted(tmp_path: Path) -> None:
    with _log(tmp_path) as log:
        for nth in range(100):
            log.append(_payloads(1, nth))
        _, position = log.read(0, 50)
        log.release(position)

        assert 0 < log.start <= position
        assert _all(log, position) == _payloads(50, 50)
    with _log(tmp_path) as log:
        assert _all(log, position) == _payloads(50, 50)
        log.release(log.end)
        assert len(_segments(tmp_path)) == 1


def test_a_directory_has_one_owner(tmp_path: Path) -> None:
    with _log(tmp_path), pytest.raises(RecordUnavailable, match="another door uses"):
        WriteAheadLog(tmp_path)


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(RecordUnavailable, match="cannot be used"):
        WriteAheadLog(tmp_path / "file" / "record")


def test_more_than_the_bound_is_refused_until_it_is_shipped(tmp_path: Path) -> None:
    with _log(tmp_path, bound_bytes=3 * SEGMENT) as log:
        written = _fill(log)
        with pytest.raises(RecordUnavailable, match="wait for PostgreSQL"):
            log.append([])
        _, position = log.read(0, written)
        log.release(position)
        log.append(_payloads(1, written))

        assert _all(log, position) == _payloads(1, written)


def _fill(log: WriteAheadLog) -> int:
    """Append until it refuses; how many it took."""
    for nth in range(1_000):
        try:
            log.append(_payloads(1, nth))
        except RecordUnavailable:
            return nth
    raise AssertionError("it never refused")


# ---------------------------------------------------------------- after a crash


@pytest.fixture
def two_segments(tmp_path: Path) -> list[bytes]:
    """A directory as a crash leaves it: the last segment is allocated, and its end was never cut."""
    with _log(tmp_path) as log:
        for nth in range(40):
            log.append(_payloads(1, nth))
        assert len(_segments(tmp_path)) == 2
    return _payloads(40)


def test_a_tail_torn_at_any_byte_costs_only_what_was_torn(tmp_path: Path, two_segments: list[bytes]) -> None:
    segment = _segments(tmp_path)[-1]
    whole = segment.read_bytes()
    used = len(whole.rstrip(b"\0"))
    frame = 8 + len(two_segments[0]) + 32
    for cut in range(used - frame - 20, used):
        for left in tmp_path.glob("*.wal"):
            if left.stem > segment.stem:
                left.unlink()
        segment.write_bytes(whole[:cut])
        with _log(tmp_path) as log:
            torn = -(-(used - cut) // frame)
            assert _all(log) == two_segments[: 40 - torn]


@pytest.mark.parametrize("bad", [b"\xff" * 50, b"\0\0\0\x05abcd", os.urandom(300)])
def test_what_was_torn_is_moved_aside_and_writing_goes_on(
    tmp_path: Path, two_segments: list[bytes], bad: bytes
) -> None:
    segment = _segments(tmp_path)[-1]
    used = len(segment.read_bytes().rstrip(b"\0"))
    with segment.open("r+b") as file:
        file.seek(used)
        file.write(bad)
    with _log(tmp_path) as log:
        log.append(_payloads(1, 40))

        assert _all(log) == _payloads(41)
    (aside,) = tmp_path.glob("*.torn-*")
    assert aside.read_bytes() == bad.rstrip(b"\0")


def test_a_frame_left_over_from_a_write_that_was_refused_is_not_read(tmp_path: Path) -> None:
    """The same bytes, whole and with a right checksum, but behind another frame than the one that they followed."""
    with _log(tmp_path) as log:
        log.append(_payloads(3))
        segment = _segments(tmp_path)[0]
        frame = (log.end - HEADER_BYTES) // 3
        data = segment.read_bytes()
    with segment.open("r+b") as file:
        file.seek(HEADER_BYTES + frame)
        file.write(data[HEADER_BYTES + 2 * frame : HEADER_BYTES + 3 * frame])
    with _log(tmp_path) as log:
        assert _all(log) == _payloads(1)


@pytest.mark.parametrize("place", ["header", "payload", "chain", "cut short"])
def test_damage_before_the_last_segment_is_named_and_nothing_is_deleted(
    tmp_path: Path, two_segments: list[bytes], place: str
) -> None:
    segment = _segments(tmp_path)[0]
    data = bytearray(segment.read_bytes())
    frame = 8 + len(two_segments[0]) + 32
    offset = {"header": 20, "payload": HEADER_BYTES + 2 * frame + 20, "chain": HEADER_BYTES + 3 * frame - 1}.get(place)
    if offset is None:
        del data[-10:]
        named = HEADER_BYTES + (len(data) - HEADER_BYTES) // frame * frame
    else:
        data[offset] ^= 1
        named = 0 if place == "header" else HEADER_BYTES + 2 * frame
    segment.write_bytes(data)
    before = {path.name: path.read_bytes() for path in _segments(tmp_path)}

    with pytest.raises(RecordDamaged, match=f"{segment.name} is damaged at offset {named}"):
        WriteAheadLog(tmp_path)
    assert {path.name: path.read_bytes() for path in _segments(tmp_path)} == before


def test_a_segment_that_is_missing_is_damage(tmp_path: Path) -> None:
    with _log(tmp_path) as log:
        for nth in range(100):
            log.append(_payloads(1, nth))
    _segments(tmp_path)[1].unlink()

    with pytest.raises(RecordDamaged):
        WriteAheadLog(tmp_path)


def test_a_segment_of_another_log_is_damage(tmp_path: Path) -> None:
    for name in ("one", "two"):
        with _log(tmp_path / name) as log:
            log.append(_payloads(1))
    (tmp_path / "one" / "00000000000000000000.wal").replace(tmp_path / "two" / "00000000000000000000.wal")

    with pytest.raises(RecordDamaged, match="at offset 0"):
        WriteAheadLog(tmp_path / "two")


# ---------------------------------------------------------------- devices that refuse


@contextmanager
def _file_size_limit(limit: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


def test_a_full_device_refuses_and_accepts_again_when_there_is_space(tmp_path: Path) -> None:
    with _log(tmp_path) as log:
        kept = []
        with _file_size_limit(SEGMENT // 2):
            for nth in range(100):
                try:
                    log.append(_payloads(1, nth))
                except RecordUnavailable:
                    continue
                kept += _payloads(1, nth)
            with pytest.raises(RecordUnavailable):
                log.append([])
        assert 0 < len(kept) < 100
        assert not log.failed
        log.append(_payloads(1, 100))
        kept += _payloads(1, 100)

        assert _all(log) == kept
    with _log(tmp_path) as log:
        assert _all(log) == kept


@pytest.mark.parametrize(
    ("call", "error"), [("fdatasync", errno.EIO), ("fdatasync", errno.ENOSPC), ("pwrite", errno.EIO)]
)
def test_after_a_failed_sync_nothing_is_accepted_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, error: int
) -> None:
    with _log(tmp_path) as log:
        log.append(_payloads(1))
        with monkeypatch.context() as patched:
            patched.setattr(os, call, _failing(error))
            with pytest.raises(RecordUnavailable):
                log.append(_payloads(1, 1))
        with pytest.raises(RecordUnavailable, match="restart the door"):
            log.append(_payloads(1, 2))

        assert log.failed
        assert _all(log) == _payloads(1)


def _failing(error: int) -> Callable[..., None]:
    def fail(*_arguments: object) -> None:
        raise OSError(error, os.strerror(error))

    return fail
