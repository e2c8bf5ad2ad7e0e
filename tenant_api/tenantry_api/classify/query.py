"""Reads a query strictly and writes it again: names once, unless the field is repeated, and in the order they came."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from tenantry_api.classify.refuse import invalid, malformed, refuse
from tenantry_api.classify.schema import Field, Message

__all__ = ["encode_query", "parse_query"]

_BAD_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_MAX_QUERY: Final = 64 * 1024


def parse_query(raw: bytes, schema: Message) -> dict[str, object]:
    """Values as the schema has them: lists for repeated fields, else strings; true and false for bool."""
    if len(raw) > _MAX_QUERY:
        raise refuse(414, "MALFORMED_REQUEST", "query_too_long", f"The query is longer than {_MAX_QUERY} bytes.")
    values: dict[str, object] = {}
    for name, text in _pairs(raw):
        field = schema.fields.get(name)
        if field is None:
            raise invalid("unknown_parameter", f"{schema.name} has no parameter {name[:80]!r}.")
        value = _value(field, text)
        if field.repeated:
            value = [*_listed(values.get(name)), value]
        elif name in values:
            raise malformed("duplicate_parameter", f"The parameter {name!r} stands twice in the query.")
        values[name] = value
    schema.check(values)
    return values


def encode_query(values: Mapping[str, object]) -> str:
    """`parse_query` reads it back as it was."""
    return "&".join(f"{quote(name, safe='')}={quote(_text(item), safe='')}" for name, item in _flat(values))


def _pairs(raw: bytes) -> Iterator[tuple[str, str]]:
    for part in raw.split(b"&") if raw else ():
        name, equals, value = part.partition(b"=")
        if not name or not equals:
            raise malformed("query", "The query must be name=value pairs, joined by '&'.")
        yield _decode(name), _decode(value)


def _decode(raw: bytes) -> str:
    if _BAD_ESCAPE.search(raw):
        raise malformed("query_escape", "The query has a percent sign that is not followed by two hexadecimal digits.")
    try:
        text = unquote_to_bytes(raw.replace(b"+", b" ")).decode("utf-8", "strict")
    except UnicodeDecodeError:
        raise malformed("query_encoding", "The query is not UTF-8.") from None
    if "\0" in text:
        raise malformed("query_character", "The query has a NUL character.")
    return text


def _value(field: Field, text: str) -> object:
    if field.type == "bool" and text.lower() in {"true", "false"}:
        return text.lower() == "true"
    return text


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _flat(values: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    for name, value in values.items():
        for item in value if isinstance(value, list) else [value]:
            yield name, item


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
