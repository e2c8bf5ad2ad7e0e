"""The bytes of the write-ahead log: a segment's header, and its frames. Pure.

    segment = header frame*
    header  = "TNTWAL01" | spool id (16) | position of this segment (u64) | chain so far (32) | crc32c of these 64 bytes
    frame   = length of the payload (u32) | crc32c of length and payload | payload | chain (32)
    chain   = SHA-256(chain of the frame before | payload); 32 zero bytes before the first frame of all

Integers are big-endian. A position is a byte's place in all segments laid end to end, headers included. A length of
zero ends a segment: its file is allocated whole when it is made, and zeros are what was not written yet.

The checksum finds a write that was torn; the chain finds a frame that was taken out, moved or left over from before.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from crc32c import crc32c

__all__ = ["HEADER_BYTES", "START", "Frame", "Header", "decode", "decode_header", "encode", "encode_header"]

_MAGIC = b"TNTWAL01"
_HEADER = struct.Struct(">8s16sQ32sI")
_LENGTH = struct.Struct(">I")
_FRAME = struct.Struct(">II")
_CHAIN_BYTES = 32

HEADER_BYTES = _HEADER.size
START = bytes(_CHAIN_BYTES)


@dataclass(frozen=True, slots=True)
class Header:
    spool: UUID
    position: int
    chain: bytes


@dataclass(frozen=True, slots=True)
class Frame:
    """`end` is the offset behind the frame, in the bytes that were given."""

    payload: bytes
    end: int
    chain: bytes


def encode_header(header: Header) -> bytes:
    body = _HEADER.pack(_MAGIC, header.spool.bytes, header.position, header.chain, 0)[: -_LENGTH.size]
    return body + _LENGTH.pack(crc32c(body))


def decode_header(data: bytes) -> Header | None:
    """None if these bytes do not start with a whole and right header."""
    if len(data) < HEADER_BYTES:
        return None
    magic, spool, position, chain, checksum = _HEADER.unpack_from(data)
    if magic != _MAGIC or checksum != crc32c(data[: HEADER_BYTES - _LENGTH.size]):
        return None
    return Header(UUID(bytes=spool), position, chain)


def encode(payloads: Sequence[bytes], chain: bytes) -> tuple[bytes, bytes]:
    """The frames of `payloads`, to be written in one piece, and the chain behind the last."""
    parts = []
    for payload in payloads:
        length = _LENGTH.pack(len(payload))
        chain = hashlib.sha256(chain + payload).digest()
        parts += [length, _LENGTH.pack(crc32c(payload, crc32c(length))), payload, chain]
    return b"".join(parts), chain


def decode(data: bytes, offset: int, chain: bytes | None) -> Iterator[Frame]:
    """The frames from `offset` on, up to the first that is not whole and right. No `chain`: the first is trusted."""
    while offset + _FRAME.size <= len(data):
        length, checksum = _FRAME.unpack_from(data, offset)
        behind = offset + _FRAME.size + length
        frame = Frame(data[offset + _FRAME.size : behind], behind + _CHAIN_BYTES, data[behind : behind + _CHAIN_BYTES])
        if not length or frame.end > len(data) or not _is_right(frame, checksum, chain):
            return
        yield frame
        offset, chain = frame.end, frame.chain


def _is_right(frame: Frame, checksum: int, chain: bytes | None) -> bool:
    if crc32c(frame.payload, crc32c(_LENGTH.pack(len(frame.payload)))) != checksum:
        return False
    return chain is None or hashlib.sha256(chain + frame.payload).digest() == frame.chain
