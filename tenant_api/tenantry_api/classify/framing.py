"""Reads how a body is framed, from the headers alone, so that the pipeline knows what to do before its first byte.

Flask under MLflow's server reads a chunked body as empty, so a body says its length (RFC 9110 §8.6) or is refused with
411. The one exception: MLflow's client sends an empty artifact chunked, so a small upload may come so; it is buffered.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from tenantry_api.classify.policy import Body
from tenantry_api.classify.refuse import RefusedError, malformed, refuse

__all__ = ["MAX_BUFFERED", "MAX_CHUNKED", "MAX_STREAMED", "Framing", "Headers", "header", "read_framing", "too_large"]

Headers = Iterable[tuple[bytes, bytes]]

# MLflow's client logs at most 1,000 metrics, 100 parameters and 100 tags at once: below 2 MiB.
MAX_BUFFERED: Final = 16 * 1024 * 1024
MAX_CHUNKED: Final = 1024 * 1024
# One artifact; S3's largest object is 5 TiB.
MAX_STREAMED: Final = 5 * 1024**4
_MAX_DIGITS: Final = 18
_LIMITS: Final = {Body.JSON: MAX_BUFFERED, Body.RAW: MAX_BUFFERED, Body.STREAM: MAX_STREAMED}
# What OpenTelemetry's exporters send.
_RAW_ENCODINGS: Final = frozenset({"", "identity", "gzip", "deflate"})


@dataclass(frozen=True, slots=True)
class Framing:
    body: Body
    max_body: int
    content_length: int | None
    content_type: str | None
    content_encoding: str | None


def header(headers: Headers, name: bytes) -> str | None:
    """The value of a header that may stand once; two of it are refused, as is what is not visible ASCII."""
    values = [value for key, value in headers if key.lower() == name]
    if len(values) > 1:
        raise malformed("duplicate_header", f"The header {name.decode()} stands twice.")
    if not values:
        return None
    if not values[0].isascii() or not values[0].decode().isprintable():
        raise malformed("header_character", f"The header {name.decode()} has a character that is not printable ASCII.")
    return values[0].decode().strip()


def read_framing(method: str, headers: Headers, body: Body) -> Framing:
    length = _content_length(header(headers, b"content-length"))
    chunked = header(headers, b"transfer-encoding") is not None
    if chunked and length is not None:
        raise malformed("framing", "Content-Length and Transfer-Encoding exclude each other.")
    if body is Body.NONE and (length or chunked):
        raise malformed("body", f"A body on this {method} request is refused; put parameters into the query.")
    if body is Body.NONE:
        return Framing(body, 0, None, None, None)
    if body is Body.STREAM and chunked:
        body, limit = Body.RAW, MAX_CHUNKED
    else:
        _need_length(method, length, chunked=chunked)
        limit = _LIMITS[body]
    if (length or 0) > limit:
        raise too_large(limit)
    encoding = _encoding(headers, body)
    return Framing(body, limit, length, _content_type(headers, body, length), encoding)


def too_large(limit: int) -> RefusedError:
    return refuse(413, "RESOURCE_LIMIT_EXCEEDED", "body_too_large", f"The body is larger than {limit} bytes.")


def _content_length(value: str | None) -> int | None:
    if value is None:
        return None
    if not value.isdecimal() or len(value) > _MAX_DIGITS:
        raise malformed("content_length", "Content-Length must be a whole number.")
    return int(value)


def _need_length(method: str, length: int | None, *, chunked: bool) -> None:
    # A DELETE without a body has no Content-Length (RFC 9110 §8.6); the other methods say how long theirs is.
    if chunked or (length is None and method != "DELETE"):
        raise refuse(411, "MALFORMED_REQUEST", "length_required", "Send the body with a Content-Length, not chunked.")


def _encoding(headers: Headers, body: Body) -> str | None:
    encoding = header(headers, b"content-encoding")
    allowed = _RAW_ENCODINGS if body is Body.RAW else frozenset({"", "identity"})
    if encoding is not None and encoding.lower() not in allowed:
        raise refuse(415, "MALFORMED_REQUEST", "content_encoding", "Send the body without Content-Encoding.")
    return encoding.lower() if encoding else None


def _content_type(headers: Headers, body: Body, length: int | None) -> str | None:
    given = header(headers, b"content-type")
    media_type = (given or "").partition(";")[0].strip().lower()
    if body is Body.JSON and length and media_type != "application/json":
        raise refuse(415, "MALFORMED_REQUEST", "content_type", "Send the body as application/json.")
    return given
