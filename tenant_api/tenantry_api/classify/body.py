"""Reads a JSON body strictly and writes it again, so that MLflow's parser sees bytes which only we wrote."""

from __future__ import annotations

import json
from typing import Final, NoReturn

import orjson

from tenantry_api.classify.refuse import malformed

__all__ = ["encode_json", "parse_json"]


def parse_json(body: bytes) -> dict[str, object]:
    """The one object of the body; an empty body is an empty object, as MLflow reads it. RecursionError if too deep."""
    if not body:
        return {}
    try:
        # Not orjson: of a key that stands twice it takes the last and says nothing.
        value = _DECODER.decode(body.decode("utf-8", "strict"))
    except UnicodeDecodeError:
        raise malformed("json_encoding", "The JSON body is not UTF-8.") from None
    except ValueError as error:  # JSONDecodeError, and integers of thousands of digits
        raise malformed("json", f"The body is not JSON: {error}.") from None
    if not isinstance(value, dict):
        raise malformed("json_object", "The JSON body must be one object.")
    return value


def encode_json(value: object) -> bytes:
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError as error:  # half a surrogate pair, more than 64 bits, more than 254 levels
        raise malformed("json_value", f"The JSON body has a value that cannot be passed on: {error}.") from None


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise malformed("duplicate_key", "The JSON body has a key twice in one object.")
    return made


def _constant(name: str) -> NoReturn:
    raise malformed("json_constant", f"{name} is not JSON; write it as a string.")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)
