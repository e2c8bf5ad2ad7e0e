"""Canonical JSON, which leaves are made of: the same value is the same bytes, whoever writes it and when. Pure.

RFC 8785 for what is used here: sorted ASCII keys, no floats. Besides it, how what is too long is said in less.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeAlias

import orjson

__all__ = ["Json", "canonical", "digested", "instant", "plain", "shortened"]

# Without floats: they have no one canonical form. A figure is an integer, or a string.
Json: TypeAlias = "str | int | bool | Mapping[str, Json] | Sequence[Json] | None"

# When a leaf would be too long, fields above this many bytes give way to their digest. All of them together still fit.
_FIELD_LIMIT = 2_048
# A text that a stranger chose (a path, a user agent) is kept up to here, and its digest stands for the rest.
_TEXT_LIMIT = 1_024


def canonical(value: Json) -> bytes:
    """Canonical JSON. A text with lone surrogates (a path that is not UTF-8) is written with them escaped."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return orjson.dumps(plain(value), option=orjson.OPT_SORT_KEYS)


def plain(value: Json) -> Json:
    """The value with nothing in it that canonical JSON cannot say. Floats are refused: they are a mistake of ours."""
    if isinstance(value, float):
        raise TypeError("a record holds no floats: give an integer or a string")
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, Mapping):
        return {name.encode("ascii").decode(): plain(item) for name, item in value.items()}
    if isinstance(value, Sequence):
        return [plain(item) for item in value]
    return value


def instant(at: datetime) -> str:
    """RFC 3339 in UTC with microseconds, always the same width: it sorts as text."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def shortened(text: str) -> str:
    if len(text) <= _TEXT_LIMIT:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()
    return f"{text[:_TEXT_LIMIT]}… sha256:{digest}"


def digested(value: Json) -> Json:
    """A long value gives way to its size and the SHA-256 of its canonical JSON: whoever has it can show that it was."""
    encoded = canonical(value)
    if len(encoded) <= _FIELD_LIMIT:
        return value
    count = len(value) if isinstance(value, list | dict | str) else 1
    return {"count": count, "sha256": hashlib.sha256(encoded).hexdigest()}
