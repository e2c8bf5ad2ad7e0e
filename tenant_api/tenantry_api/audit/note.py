"""Signed notes: the format of checkpoints and of an export's manifest (c2sp.org/signed-note). Pure.

    text, ending in a newline
    <empty line>
    — <key's name> <base64 of the key's id (4 bytes) and the signature>

Only Ed25519 (type 0x01) is made and accepted. A signature by another key is ignored, as the specification wants it; one
by the right key that does not verify is an error, and so is a note that the right key did not sign.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

__all__ = ["KeyUnreadable", "NoteInvalid", "VerifierKey", "check", "key_id", "read_key", "sign", "signature", "split"]

_ED25519 = b"\x01"
_KEY_ID_BYTES = 4
_DASH = "— "


class NoteInvalid(Exception):  # noqa: N818  # it is the note that is not valid
    """Not a signed note, or not signed by the key that was asked for."""


class KeyUnreadable(Exception):  # noqa: N818  # it is the key that cannot be read
    """Neither a PEM public key nor a verifier key."""


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """An Ed25519 public key, 32 bytes. A PEM file does not say the key's name: then any name is taken."""

    public: bytes
    name: str | None = None

    def line(self, name: str) -> str:
        """As c2sp.org/signed-note writes it: `<name>+<id in hex>+<base64 of type and key>`."""
        return f"{name}+{key_id(name, self.public).hex()}+{_base64(_ED25519 + self.public)}"


def key_id(name: str, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + public).digest()[:_KEY_ID_BYTES]


def signature(text: bytes, name: str, key: Ed25519PrivateKey) -> bytes:
    """The signature line of `text`, with its newline."""
    signed = key_id(name, key.public_key().public_bytes_raw()) + key.sign(text)
    return f"{_DASH}{name} {_base64(signed)}\n".encode()


def sign(text: bytes, name: str, key: Ed25519PrivateKey) -> bytes:
    return text + b"\n" + signature(text, name, key)


def split(note: bytes) -> tuple[bytes, bytes]:
    """A note's text and its signature lines; the last empty line is between them."""
    text, separator, signatures = note.rpartition(b"\n\n")
    if not separator:
        raise NoteInvalid("it has no empty line between a text and signatures")
    return text + b"\n", signatures


def check(text: bytes, signatures: bytes, name: str, key: VerifierKey) -> None:
    """Raise NoteInvalid unless `key`, under `name`, signed `text`."""
    if key.name not in {None, name}:
        raise NoteInvalid(f"it names the key {name!r}, and the key that was given is called {key.name!r}")
    for line in _lines(signatures):
        signed = _signed(line, name)
        if signed is not None and signed[:_KEY_ID_BYTES] == key_id(name, key.public):
            return _verify(signed[_KEY_ID_BYTES:], text, key)
    raise NoteInvalid(f"this key did not sign it under the name {name!r}")


def read_key(data: bytes) -> VerifierKey:
    """From a PEM file (`BEGIN PUBLIC KEY`), or from a verifier key's line."""
    return _from_pem(data) if data.lstrip().startswith(b"-----BEGIN") else _from_line(data)


def _lines(signatures: bytes) -> list[str]:
    try:
        lines = signatures.decode().split("\n")
    except UnicodeDecodeError as error:
        raise NoteInvalid("its signatures are not UTF-8") from error
    if lines.pop() or not all(line.startswith(_DASH) for line in lines):
        raise NoteInvalid("a signature line is not of the form `— name base64`")
    return lines


def _signed(line: str, name: str) -> bytes | None:
    """The key's id and signature in a line of this name. Base64 has one spelling here: the one that we would write."""
    found, _, encoded = line.removeprefix(_DASH).partition(" ")
    if found != name:
        return None
    try:
        signed = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoteInvalid("a signature is not base64") from error
    if _base64(signed) != encoded:
        raise NoteInvalid("a signature is not in canonical base64")
    return signed


def _verify(signed: bytes, text: bytes, key: VerifierKey) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signed, text)
    except InvalidSignature as error:
        raise NoteInvalid("the signature is not of this text") from error


def _from_pem(data: bytes) -> VerifierKey:
    try:
        key = load_pem_public_key(data)
    except ValueError as error:
        raise KeyUnreadable("the PEM file holds no public key (a private key is not needed here)") from error
    if not isinstance(key, Ed25519PublicKey):
        raise KeyUnreadable("the PEM file holds a key that is not Ed25519")
    return VerifierKey(key.public_bytes_raw())


def _from_line(data: bytes) -> VerifierKey:
    try:
        name, identity, encoded = data.decode().strip().split("+", 2)
        decoded = base64.b64decode(encoded, validate=True)
        key = VerifierKey(decoded[1:], name)
        Ed25519PublicKey.from_public_bytes(key.public)
    except ValueError as error:
        raise KeyUnreadable("neither PEM nor a verifier key `name+id+base64`") from error
    if decoded[:1] != _ED25519 or key_id(name, key.public).hex() != identity:
        raise KeyUnreadable("the verifier key's id is not that of an Ed25519 key with its name")
    return key


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
