"""OpenTelemetry's spans: protobuf that we pass on byte for byte, unpacked, after a look for what must not be in it."""

from __future__ import annotations

import zlib
from typing import Final

from tenantry_api.classify.formats import TRACE_LOCATION_TAGS
from tenantry_api.classify.framing import MAX_BUFFERED, too_large
from tenantry_api.classify.refuse import forbidden, malformed, refuse

__all__ = ["read_spans"]

_MEDIA_TYPE: Final = "application/x-protobuf"
# RFC 9110 §8.4.1: gzip has its own frame, deflate has zlib's.
_WINDOW: Final = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
# MLflow makes tags of a root span's attributes of this name. In protobuf a string's bytes stand together, so a search
# finds each, whatever the message around it.
_TAGS: Final = tuple(f"mlflow.traceTag.{tag}".encode() for tag in TRACE_LOCATION_TAGS)


def read_spans(body: bytes, content_type: str | None, content_encoding: str | None) -> bytes:
    """The body without its compression, which could hide what the search looks for, and a bomb."""
    if (content_type or "").partition(";")[0].strip().lower() != _MEDIA_TYPE:
        raise refuse(415, "MALFORMED_REQUEST", "content_type", f"Send spans as {_MEDIA_TYPE}.")
    plain = _unpacked(body, content_encoding)
    if any(tag in plain for tag in _TAGS):
        raise forbidden("given_location", "Where a trace's files are is set by the service; leave that tag out.")
    return plain


def _unpacked(body: bytes, encoding: str | None) -> bytes:
    window = _WINDOW.get(encoding or "")
    if window is None:
        return body
    try:
        inflate = zlib.decompressobj(window)
        plain = inflate.decompress(body, MAX_BUFFERED + 1)
    except zlib.error:
        raise malformed("content_encoding", f"The body is not {encoding}.") from None
    if len(plain) > MAX_BUFFERED:
        raise too_large(MAX_BUFFERED)
    if not inflate.eof or inflate.unused_data:
        raise malformed("content_encoding", f"The body is not one whole {encoding} stream.")
    return plain
