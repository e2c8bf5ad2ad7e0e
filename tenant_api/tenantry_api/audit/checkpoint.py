"""A checkpoint: what a log signs about itself (c2sp.org/tlog-checkpoint). Pure.

    tenantry.example.org/vision          the log's origin, also the name of its key
    20852163                             how many records it had
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2...  base64 of the root over all of them
    <empty line, and signatures>

Whoever keeps one can later show that a log was cut, or that a record before it was changed.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tenantry_api.audit.note import NoteInvalid, VerifierKey, check, sign, split

__all__ = ["Checkpoint", "open_checkpoint", "origin_of", "read_checkpoint", "sign_checkpoint"]

_LINES = 3


@dataclass(frozen=True, slots=True)
class Checkpoint:
    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> bytes:
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n".encode()


def origin_of(installation: str, log: str) -> str:
    """What the log of a workspace is called for ever: two installations must not share a name."""
    return f"{installation}/{log}"


def sign_checkpoint(checkpoint: Checkpoint, key: Ed25519PrivateKey) -> bytes:
    return sign(checkpoint.text, checkpoint.origin, key)


def open_checkpoint(note: bytes, key: VerifierKey) -> Checkpoint:
    """The checkpoint in a note, if `key` signed it. Raises NoteInvalid."""
    checkpoint = read_checkpoint(note)
    text, signatures = split(note)
    check(text, signatures, checkpoint.origin, key)
    return checkpoint


def read_checkpoint(note: bytes) -> Checkpoint:
    """What the note says, whoever signed it. Raises NoteInvalid if it is no checkpoint."""
    text, _ = split(note)
    try:
        origin, size, root = text.decode().removesuffix("\n").split("\n")
        checkpoint = Checkpoint(origin, int(size), base64.b64decode(root, validate=True))
    except (ValueError, binascii.Error) as error:
        raise NoteInvalid(f"it does not have the {_LINES} lines of a checkpoint") from error
    # One value, one spelling: no leading zeros, no sign, no spare bits in the base64.
    if checkpoint.text != text or checkpoint.size < 0 or not origin:
        raise NoteInvalid("it is not written as a checkpoint is")
    return checkpoint
