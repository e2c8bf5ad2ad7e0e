"""The write-ahead log of one door: a directory of segments, written by one thread, read by the shipper.

`append` returns when its payloads are on the device (`fdatasync`), or raises and has kept none of them:

- the device is full, or more is waiting to be shipped than the bound allows: RecordUnavailable, and the next call tries
  again at the same place. Nothing was acknowledged, so overwriting what was half written loses nothing, and the chain
  keeps a left-over frame from ever being read.
- any other error, above all of fsync: RecordUnavailable now and for good. The kernel may have dropped the pages and
  marked them clean, so a second fsync that succeeds would prove nothing (wiki.postgresql.org/wiki/Fsync_Errors).

Two processes cannot share a directory: it is locked while it is open. What a crash tore off the end of the last segment
was never acknowledged; it is moved aside, not deleted. A bad frame anywhere else is damage, and the log does not open.
"""

from __future__ import annotations

import errno
import fcntl
import os
import uuid
from bisect import bisect_right
from contextlib import ExitStack
from itertools import islice, pairwise
from pathlib import Path
from uuid import UUID

import structlog

from tenantry_api.record.frames import HEADER_BYTES, START, Header, decode, decode_header, encode, encode_header

__all__ = ["RecordDamaged", "RecordUnavailable", "WriteAheadLog"]

_SEGMENT_BYTES = 64 * 1024 * 1024
_BOUND_BYTES = 1024 * 1024 * 1024
# How much of a segment one read takes from the device; always more than the longest frame.
_READ_BYTES = 2 * 1024 * 1024
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

_log = structlog.get_logger(__name__)


class RecordUnavailable(Exception):  # noqa: N818  # a state of the door, which it answers with 503
    """No durable device accepts a record now. The request must not go on."""


class RecordDamaged(Exception):  # noqa: N818  # it is the record that is damaged
    """Bytes that were acknowledged are not what they were. Nothing was deleted; a person has to look."""


class WriteAheadLog:
    """`append` belongs to one thread; `read` and `release` belong to one other.

    Positions are byte offsets as `frames` defines them. Everything before `end` is durable.
    """

    def __init__(
        self, directory: Path, *, segment_bytes: int = _SEGMENT_BYTES, bound_bytes: int = _BOUND_BYTES
    ) -> None:
        self._directory = directory
        self._segment_bytes = segment_bytes
        self._bound_bytes = bound_bytes
        self._failed: OSError | None = None
        self._full = False
        with ExitStack() as undo:
            self._lock = _locked(directory)
            undo.callback(os.close, self._lock)
            self._open()
            undo.pop_all()

    def _open(self) -> None:
        try:
            self.spool = _spool(self._directory)
            # Ascending; the writer appends to it, the reader takes from its front, each under the interpreter's lock.
            self._bases = sorted(int(path.stem) for path in self._directory.glob("[0-9]*.wal"))
            self.end, self._chain = self._recovered()
            self._begin_segment()
        except OSError as error:
            raise RecordUnavailable(f"the record's directory {self._directory}: {error.strerror}") from error

    @property
    def start(self) -> int:
        """The oldest position that is still held."""
        return self._bases[0]

    @property
    def failed(self) -> bool:
        """It will accept nothing more until the door is started again."""
        return self._failed is not None

    def append(self, payloads: list[bytes]) -> None:
        """Make these durable, as one group of at most a few megabytes. None at all asks whether it accepts again."""
        if self._failed:
            raise RecordUnavailable(f"the record stopped after {self._failed}: restart the door")
        if self.end - self.start > self._bound_bytes:
            raise RecordUnavailable(f"{self.end - self.start} bytes of records wait for PostgreSQL: is it up?")
        try:
            self._write(*encode(payloads, self._chain))
        except OSError as error:
            if error.errno in _FULL and not self._failed:
                self._full = True
            else:
                self._failed = error
            raise RecordUnavailable(f"the record's directory refuses a write: {error.strerror}") from error

    def read(self, position: int, limit: int) -> tuple[list[bytes], int]:
        """Up to `limit` durable payloads from `position` on, and the position behind them."""
        payloads: list[bytes] = []
        while position < self.end and len(payloads) < limit:
            found, behind = self._read_segment(position, limit - len(payloads))
            if behind == position:
                raise RecordDamaged(f"{self._path(self._base_of(position))} is damaged at position {position}")
            payloads += found
            position = behind
        return payloads, position

    def release(self, position: int) -> None:
        """Delete the segments that lie wholly before `position`: they were shipped."""
        while len(self._bases) > 1 and self._bases[1] <= position:
            self._path(self._bases.pop(0)).unlink()
            # One at a time and oldest first, so that a power cut cannot leave a gap.
            _sync_directory(self._directory)

    def close(self) -> None:
        os.close(self._fd)
        os.close(self._lock)

    # ---------------------------------------------------------------- writing

    def _write(self, data: bytes, chain: bytes) -> None:
        used = self.end - self._bases[-1]
        # A device that was full has to allocate a whole segment before it is trusted again.
        if self._full or (used > HEADER_BYTES and used + len(data) > self._segment_bytes):
            self._roll()
            self._full = False
        _write_all(self._fd, data, self.end - self._bases[-1])
        try:
            os.fdatasync(self._fd)
        except OSError as error:
            self._failed = error
            raise
        self.end += len(data)
        self._chain = chain

    def _roll(self) -> None:
        """Seal this segment and begin the next, in the order that leaves no gap whenever the power goes."""
        sealed, size = self._fd, self.end - self._bases[-1]
        self._begin_segment()
        os.ftruncate(sealed, size)
        os.close(sealed)

    def _begin_segment(self) -> None:
        """Make the next segment whole under another name first: a crash leaves a segment with a header, or none."""
        unfinished = self._directory / "next"
        fd = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.posix_fallocate(fd, 0, self._segment_bytes)
            _write_all(fd, encode_header(Header(self.spool, self.end, self._chain)), 0)
            os.fsync(fd)
            unfinished.rename(self._path(self.end))
            _sync_directory(self._directory)
        except OSError:
            os.close(fd)
            unfinished.unlink(missing_ok=True)
            raise
        self._fd = fd
        self._bases.append(self.end)
        self.end += HEADER_BYTES

    # ---------------------------------------------------------------- reading

    def _read_segment(self, position: int, limit: int) -> tuple[list[bytes], int]:
        base = self._base_of(position)
        offset = max(position - base, HEADER_BYTES)
        size = min(_READ_BYTES, self._end_of(base) - base - offset)
        with self._path(base).open("rb", buffering=0) as segment:
            data = os.pread(segment.fileno(), size, offset)
        # The chain was checked when the log was opened, or was made by this process; the checksum is enough here.
        found = list(islice(decode(data, 0, None), limit))
        behind = found[-1].end if found else 0
        return [frame.payload for frame in found], base + offset + behind

    def _base_of(self, position: int) -> int:
        return self._bases[max(bisect_right(self._bases, position) - 1, 0)]

    def _end_of(self, base: int) -> int:
        """Where the segment's frames end: at the next one, or at what is durable."""
        following = bisect_right(self._bases, base)
        return self._bases[following] if following < len(self._bases) else self.end

    # ---------------------------------------------------------------- recovery

    def _recovered(self) -> tuple[int, bytes]:
        """Check every frame that is held, cut the torn end off, and say where to go on, with which chain."""
        end, chain = 0, START
        for base, following in pairwise([*self._bases, None]):
            assert base is not None
            end, chain = self._checked(base, following, chain)
        return end, chain

    def _checked(self, base: int, following: int | None, chain: bytes) -> tuple[int, bytes]:
        path = self._path(base)
        data = path.read_bytes()
        header = decode_header(data)
        if header is not None and base == self._bases[0]:
            chain = header.chain
        if header != Header(self.spool, base, chain):
            raise RecordDamaged(f"{path} is damaged at offset 0: no header that fits; {_ADVICE}")
        end = HEADER_BYTES
        for frame in decode(data, HEADER_BYTES, chain):
            end, chain = frame.end, frame.chain
            if base + end == following:
                return base + end, chain
        if following is not None and base + end != following:
            raise RecordDamaged(f"{path} is damaged at offset {end}: a frame is not what was written; {_ADVICE}")
        self._cut(path, data, end)
        return base + end, chain

    def _cut(self, path: Path, data: bytes, end: int) -> None:
        torn = data[end:].rstrip(b"\0")
        if torn:
            aside = path.with_suffix(f".torn-{end}")
            aside.write_bytes(torn)
            _log.warning("record.torn", segment=str(path), offset=end, bytes=len(torn), kept=str(aside))
        with path.open("r+b") as segment:
            segment.truncate(end)
            os.fsync(segment.fileno())

    def _path(self, base: int) -> Path:
        return self._directory / f"{base:020d}.wal"


_ADVICE = "keep the directory as it is, and start the door with an empty one"


def _locked(directory: Path) -> int:
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        fd = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise RecordUnavailable(
            f"the record's directory {directory} cannot be used: {error.strerror}; the door must be able to write there"
        ) from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(fd)
        raise RecordUnavailable(f"another door uses the record's directory {directory}: give each its own") from error
    return fd


def _spool(directory: Path) -> UUID:
    """The log's identity, kept beside its bytes: PostgreSQL knows by it how far the log was shipped."""
    path = directory / "spool"
    if path.exists():
        try:
            return UUID(path.read_text(encoding="ascii").strip())
        except ValueError as error:
            raise RecordDamaged(f"{path} is damaged: it is not a UUID; {_ADVICE}") from error
    spool = uuid.uuid4()
    unfinished = directory / "spool.next"
    with unfinished.open("w", encoding="ascii") as file:
        file.write(f"{spool}\n")
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(path)
    _sync_directory(directory)
    return spool


def _write_all(fd: int, data: bytes, offset: int) -> None:
    rest = memoryview(data)
    while rest:
        written = os.pwrite(fd, rest, offset)
        rest, offset = rest[written:], offset + written


def _sync_directory(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
