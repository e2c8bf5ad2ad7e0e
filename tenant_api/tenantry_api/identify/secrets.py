"""What we hand out and never keep: tokens and session identifiers. Pure but for the random source.

A token is `tnt_`, 43 characters of base 62 (256 random bits), and 6 characters of a CRC-32 over what stands before
them. The checksum lets us (and a secret scanner) tell a mistyped or invented token without asking the database.
"""

from __future__ import annotations

import re
import secrets
import string
import zlib
from hashlib import sha256

__all__ = ["TOKEN_PREFIX", "digest", "is_well_formed", "new_session_id", "new_token"]

TOKEN_PREFIX = "tnt_"  # noqa: S105  # it is public

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_BITS = 256
_BODY = 43  # 62 ** 43 is the first power above 2 ** 256
_CHECK = 6  # 62 ** 6 is the first power above 2 ** 32
_SHAPE = re.compile(rf"{TOKEN_PREFIX}[0-9A-Za-z]{{{_BODY + _CHECK}}}")


def new_token() -> str:
    body = TOKEN_PREFIX + _base62(secrets.randbits(_BITS), _BODY)
    return body + _checksum(body)


def new_session_id() -> str:
    """256 random bits; safe in a cookie's value as they stand."""
    return secrets.token_urlsafe(32)


def is_well_formed(token: str) -> bool:
    """Whether we may have made this token. Says nothing about whether it is valid."""
    return _SHAPE.fullmatch(token) is not None and _checksum(token[:-_CHECK]) == token[-_CHECK:]


def digest(secret: str) -> bytes:
    """What the database holds. A plain SHA-256 is enough: 256 random bits cannot be guessed, however fast the hash."""
    return sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode("ascii")), _CHECK)


def _base62(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, remainder = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[remainder])
    return "".join(reversed(digits))
