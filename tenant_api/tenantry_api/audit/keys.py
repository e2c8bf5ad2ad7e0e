"""The installation's signing key: Ed25519, a PEM file (PKCS #8) that its owner alone may read.

It is one key for all logs; a log's name is part of the key's id (c2sp.org/signed-note), so a checkpoint of one log
cannot be shown as another's.
"""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from tenantry_api.audit.note import KeyUnreadable, VerifierKey

__all__ = ["load_signing_key", "make_signing_key", "public_pem", "verifier"]

_ADVICE = "put the key back that this installation has, or make its first: openssl genpkey -algorithm ed25519"


def load_signing_key(path: Path) -> Ed25519PrivateKey:
    """Raises KeyUnreadable, which says what to do, never what the file holds."""
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise KeyUnreadable(f"{path}: {error.strerror}; {_ADVICE}") from error
    except (ValueError, TypeError) as error:
        raise KeyUnreadable(f"{path} is not an unencrypted PEM private key; {_ADVICE}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyUnreadable(f"{path} holds a key that is not Ed25519; {_ADVICE}")
    return key


def make_signing_key(path: Path) -> Ed25519PrivateKey:
    """Make a key and write it to `path`, mode 0600. Raises FileExistsError: a key is never replaced."""
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    return key


def public_pem(key: Ed25519PrivateKey) -> bytes:
    """What auditors get, once, on a way that they trust."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def verifier(key: Ed25519PrivateKey, name: str | None = None) -> VerifierKey:
    return VerifierKey(key.public_key().public_bytes_raw(), name)
