"""Which headers cross the door, in either direction. Pure, and idempotent: passing twice changes nothing more.

To the backend goes what is on a list, and what `classify` read and wrote again. Whatever else a client sends never
arrives: its credentials, its cookies, its Origin, hop-by-hop headers, anything that names a workspace or a user
(X-MLFLOW-*, X-Forwarded-*, X-Remote-*).
To the client goes what is on another list: a backend is untrusted, and shares our origin with every other project.
"""

from __future__ import annotations

from collections.abc import Sequence

from tenantry_api.facts import Action, StockFile

__all__ = ["SECRET_HEADER", "RawHeaders", "backend_headers", "client_headers", "stock_headers"]

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

# A file of the UI is held against what it has to be, from its first byte to its last.
_WHOLE = [("accept-encoding", "identity")]

# What describes a body. Whatever else a browser obeys acts on the origin that all projects share, and the list of that
# (cookies, policies, redirects, reports, alternative servers, dictionaries) grows with each browser.
_TO_CLIENT = frozenset(
    {
        b"accept-ranges",
        b"cache-control",
        b"content-disposition",
        b"content-encoding",
        b"content-language",
        b"content-length",
        b"content-range",
        b"content-type",
        b"etag",
        b"expires",
        b"last-modified",
        b"retry-after",
        b"vary",
    }
)
# Each part of such a body would have headers of its own.
_PARTS = b"multipart/x-mixed-replace"

# A page that a backend sends must not act with the reader's session (CSP level 3, `sandbox`). Programs, and the scripts
# of MLflow's UI, read an answer in spite of it.
_SANDBOX = (b"content-security-policy", b"sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:")

# In the browser alone: a cache that people share would answer without a record.
_LASTING = b"private, max-age=31536000, immutable"

RawHeaders = Sequence[tuple[bytes, bytes]]


def backend_headers(received: RawHeaders, action: Action, secret: str) -> list[tuple[str, str]]:
    """What the backend gets, but for Host, which the client library makes from the address."""
    kept = [(_text(name), _text(value)) for name, value in received if name in _TO_BACKEND]
    if action.file is not None:
        kept = _WHOLE
    own = [(SECRET_HEADER.lower(), secret), *action.headers]
    if action.content_type is not None:
        own.append(("content-type", action.content_type))
    if action.content_length is not None:
        own.append(("content-length", str(action.content_length)))
    return kept + own


def client_headers(received: RawHeaders, *, request_id: str) -> list[tuple[bytes, bytes]]:
    """What the client gets with all but the UI's own files."""
    kept = [(name.lower(), value) for name, value in received if _may_leave(name.lower(), value)]
    return [*kept, *_own(request_id), _SANDBOX]


def stock_headers(file: StockFile, *, request_id: str) -> list[tuple[bytes, bytes]]:
    """What the client gets with a file of the UI, whatever the backend says of it. Only the UI may frame itself."""
    return [
        (b"cache-control", _LASTING if file.lasting else b"no-cache"),
        (b"content-length", str(file.size).encode()),
        (b"content-type", file.content_type.encode()),
        (b"x-frame-options", b"SAMEORIGIN"),
        *_own(request_id),
    ]


def _own(request_id: str) -> list[tuple[bytes, bytes]]:
    return [(b"x-content-type-options", b"nosniff"), (b"x-tenantry-request-id", request_id.encode())]


def _may_leave(name: bytes, value: bytes) -> bool:
    return name in _TO_CLIENT and not value.lstrip().lower().startswith(_PARTS)


def _text(value: bytes) -> str:
    return value.decode("latin-1")
