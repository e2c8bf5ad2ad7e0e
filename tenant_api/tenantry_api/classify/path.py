"""Reads the address `/w/<workspace>/p/<project>/…` of a request, and writes the canonical path that goes upstream.

The path is percent-decoded once. What two parsers could read differently is refused, not repaired: an encoded slash or
backslash, an empty or a dot segment (also when it was written `%2e`), NUL and other control characters, invalid UTF-8,
a bare `#`. An encoded `;`, `?` or `#` is an ordinary character of a name, and is encoded again on the way out.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from tenantry_api.classify.refuse import RefusedError, malformed, unknown
from tenantry_api.facts import Refusal, Target

__all__ = ["encode_path", "parse_target"]

_PREFIX: Final = b"/w/"
# RFC 1123 labels; the custom resources allow 40 characters.
_NAME: Final = r"[a-z0-9](?:[-a-z0-9]{0,38}[a-z0-9])?"
_ADDRESS: Final = re.compile(rf"/w/(?P<workspace>{_NAME})/p/(?P<project>{_NAME})(?P<path>|/.*)")
_BAD_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_ENCODED_SEPARATOR: Final = re.compile(rb"%(?:2f|5c)", re.IGNORECASE)
# C0, DEL and C1: never part of a name, and read differently by proxies.
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# RFC 3986 pchar without the percent sign, plus the slash.
_PLAIN: Final = "/-._~!$&'()*+,=:@"
# Longer than any name that MLflow stores, and than what its server reads (RFC 9110 asks for 8,000).
_MAX_PATH: Final = 8_000


def parse_target(raw_path: bytes) -> Target | Refusal | None:
    """None: not below `/w/`, so none of ours. `Target.path` is empty for the bare project: redirect to its slash.

    `raw_path` is what ASGI calls so: the request target before its `?`, still percent-encoded.
    """
    if not raw_path.startswith(_PREFIX) and raw_path != _PREFIX[:-1]:
        return None
    try:
        return _target(_decode(raw_path))
    except RefusedError as error:
        return error.refusal


def encode_path(path: str) -> str:
    """Percent-encodes a decoded path; `parse_target` reads it back as it was."""
    return quote(path, safe=_PLAIN)


def _decode(raw: bytes) -> str:
    if len(raw) > _MAX_PATH:
        raise malformed("path_too_long", f"The path is longer than {_MAX_PATH} bytes.") from None
    if _BAD_ESCAPE.search(raw):
        raise malformed("path_escape", "The path has a percent sign that is not followed by two hexadecimal digits.")
    if _ENCODED_SEPARATOR.search(raw):
        raise malformed("path_encoded_slash", "The path has an encoded slash or backslash; write the path without it.")
    if b"#" in raw or b"?" in raw:
        raise malformed("path_fragment", "The path has a bare '#' or '?'; encode it as %23 or %3F.")
    try:
        return unquote_to_bytes(raw).decode("utf-8", "strict")
    except UnicodeDecodeError:
        raise malformed("path_encoding", "The path is not UTF-8.") from None


def _target(path: str) -> Target:
    if "\\" in path or _CONTROL.search(path):
        raise malformed("path_character", "The path has a backslash or a control character.")
    if "//" in path or not {".", ".."}.isdisjoint(path.split("/")):
        raise malformed("path_segment", "The path has an empty segment, '.' or '..'; write it without.")
    address = _ADDRESS.fullmatch(path)
    if address is None:
        raise unknown("address", "The address is not /w/<workspace>/p/<project>/…; copy it from the start page.")
    return Target(workspace=address["workspace"], project=address["project"], path=address["path"])
