"""Read the one credential that a request carries. Pure: headers in, a value or a refusal out.

A token always wins over a cookie: a program that sends one means it. Where two credentials of a kind contradict each
other we refuse rather than choose, since whatever stands in front of us may have chosen differently.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass

from tenantry_api.facts import Refusal
from tenantry_api.identify import refusals
from tenantry_api.identify.secrets import is_well_formed
from tenantry_api.identify.workload import is_workload_token

__all__ = [
    "Credential",
    "Headers",
    "SessionCookie",
    "TokenSecret",
    "WorkloadToken",
    "is_same_origin",
    "read_bearer",
    "read_credential",
]

# As ASGI has them: names in lower case, in the order in which they came.
Headers = Sequence[tuple[bytes, bytes]]

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class TokenSecret:
    """A `tnt_…` token with a correct checksum; whether it is valid, the database says."""

    secret: str


@dataclass(frozen=True, slots=True)
class WorkloadToken:
    """A JSON Web Token by its shape; whose it is, its signature says."""

    value: str


@dataclass(frozen=True, slots=True)
class SessionCookie:
    value: str


Credential = TokenSecret | WorkloadToken | SessionCookie


def read_credential(method: str, headers: Headers, *, cookie: str, origin: str) -> Credential | Refusal:
    """`cookie` is the name of our session's cookie, `origin` our own (`https://host`)."""
    given = _values(headers, b"authorization")
    if len(given) > 1:
        return refusals.AUTHORIZATION_REPEATED
    if given:
        return _read_authorization(given[0])
    return _read_session(method, headers, cookie, origin)


def read_bearer(headers: Headers) -> str | None:
    """What stands behind `Bearer`, whatever it is; None unless it is the one Authorization header."""
    given = _values(headers, b"authorization")
    if len(given) != 1:
        return None
    scheme, _, value = given[0].partition(" ")
    return value.strip() if scheme.lower() == "bearer" else None


def is_same_origin(headers: Headers, origin: str) -> bool:
    """Whether a browser says that one of our own pages made this request.

    `Sec-Fetch-Site` cannot be set by a page; browsers leave it out on plain http to another machine, where `Origin`
    (which they send with every unsafe method) has to do. A request with neither did not come from a page of ours.
    """
    site = _values(headers, b"sec-fetch-site")
    if site:
        return site == ["same-origin"]
    return _values(headers, b"origin") == [origin]


def _read_authorization(value: str) -> TokenSecret | WorkloadToken | Refusal:
    scheme, _, rest = value.partition(" ")
    if scheme.lower() == "bearer":
        return _token(rest.strip())
    if scheme.lower() == "basic":
        password = _basic_password(rest.strip())
        return refusals.AUTHORIZATION_MALFORMED if password is None else _token(password)
    return refusals.AUTHORIZATION_UNSUPPORTED


def _token(secret: str) -> TokenSecret | WorkloadToken | Refusal:
    if is_well_formed(secret):
        return TokenSecret(secret)
    return WorkloadToken(secret) if is_workload_token(secret) else refusals.TOKEN_MALFORMED


def _basic_password(encoded: str) -> str | None:
    """The part after the first colon (RFC 7617); the user's name is not looked at, the token says who it is."""
    try:
        pair = b64decode(encoded, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return None
    _, colon, password = pair.partition(":")
    return password if colon else None


def _read_session(method: str, headers: Headers, cookie: str, origin: str) -> SessionCookie | Refusal:
    values = [value for name, value in _cookies(headers) if name == cookie]
    if not values:
        return refusals.CREDENTIALS_MISSING
    if len(values) > 1:
        return refusals.SESSION_REPEATED
    if method not in SAFE_METHODS and not is_same_origin(headers, origin):
        return refusals.CROSS_SITE
    return SessionCookie(values[0])


def _cookies(headers: Headers) -> list[tuple[str, str]]:
    pairs = [pair.partition("=") for value in _values(headers, b"cookie") for pair in value.split(";")]
    return [(name.strip(), value.strip()) for name, _, value in pairs]


def _values(headers: Headers, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in headers if key == name]
