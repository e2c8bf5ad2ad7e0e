"""Which headers cross the door, in either direction. Pure, and idempotent: passing twice changes nothing more.

To the backend goes what is on a list, and what `classify` read and wrote again. Whatever else a client sends never
arrives: its credentials, its cookies, its Origin, hop-by-hop headers, anything that names a workspace or a user
(X-MLFLOW-*, X-Forwarded-*, X-Remote-*).
To the client goes all but what is on a list: a backend is untrusted, and shares our origin with every other project.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tenantry_api.facts import Action

__all__ = ["SECRET_HEADER", "backend_headers", "client_headers"]

SECRET_HEADER = "X-Tenantry-Backend-Secret"  # noqa: S105 - a name, no secret

_TO_BACKEND = frozenset(
    {
        b"accept",
        b"accept-encoding",
        b"accept-language",
        b"if-modified-since",
        b"if-none-match",
        b"if-range",
        b"range",
        b"user-agent",
    }
)

# RFC 9110, section 7.6.1, and the old ones that some servers still send.
_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)

# Powers over our origin that belong to the door, and what would tell where the backend is.
_NOT_TO_CLIENT = _HOP_BY_HOP | {
    b"alt-svc",
    b"clear-site-data",
    b"content-location",
    b"date",
    b"location",
    b"refresh",
    b"server",
    b"service-worker-allowed",
    b"set-cookie",
    b"strict-transport-security",
    b"via",
    b"www-authenticate",
    b"x-content-type-options",
}
_NOT_TO_CLIENT_PREFIXES = (b"access-control-", b"x-tenantry-")

_NOSNIFF = (b"x-content-type-options", b"nosniff")
# A page among somebody's artifacts must not act with the reader's session (CSP level 3, `sandbox`).
_SANDBOX = (b"content-security-policy", b"sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:")

RawHeaders = Sequence[tuple[bytes, bytes]]


def backend_headers(received: RawHeaders, action: Action, secret: str) -> list[tuple[str, str]]:
    """What the backend gets, but for Host, which the client library makes from the address."""
    kept = [(_text(name), _text(value)) for name, value in received if name in _TO_BACKEND]
    own = [(SECRET_HEADER.lower(), secret), *action.headers]
    if action.content_type is not None:
        own.append(("content-type", action.content_type))
    if action.content_length is not None:
        own.append(("content-length", str(action.content_length)))
    return kept + own


def client_headers(received: RawHeaders, *, request_id: str, sandbox: bool) -> list[tuple[bytes, bytes]]:
    """What the client gets. `sandbox` is for artifacts: bytes that anybody may have uploaded."""
    dropped = _named_by_connection(received)
    if sandbox:
        dropped |= {_SANDBOX[0]}
    kept = [(name.lower(), value) for name, value in received if _may_leave(name.lower(), dropped)]
    own = [_NOSNIFF, (b"x-tenantry-request-id", request_id.encode())]
    return kept + own + ([_SANDBOX] if sandbox else [])


def _may_leave(name: bytes, dropped: Iterable[bytes]) -> bool:
    return name not in _NOT_TO_CLIENT and name not in dropped and not name.startswith(_NOT_TO_CLIENT_PREFIXES)


def _named_by_connection(headers: RawHeaders) -> set[bytes]:
    """`Connection: X` makes X hop-by-hop for this message."""
    values = [value for name, value in headers if name.lower() == b"connection"]
    return {token.strip().lower() for value in values for token in value.split(b",")}


def _text(value: bytes) -> str:
    return value.decode("latin-1")
