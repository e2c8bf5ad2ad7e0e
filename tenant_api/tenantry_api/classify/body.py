"""Reads a JSON body strictly and writes it again, so that MLflow's parser sees bytes which only we wrote."""

from __future__ import annotations

import json
from typing import Final, NoReturn

from tenantry_api.classify.refuse import malformed

__all__ = ["encode_json", "parse_json"]

# A surrogate without its other half cannot be written as UTF-8, and a NUL not into PostgreSQL.
_MAX_DEPTH_MESSAGE: Final = "The JSON body is nested too deeply."


def parse_json(body: bytes) -> dict[str, object]:
    """The one object of the body; an empty body is an empty object, as MLflow reads it."""
    if not body:
        return {}
    try:
        value = _DECODER.decode(body.decode("utf-8", "strict"))
    except UnicodeDecodeError:
        raise malformed("json_encoding", "The JSON body is not UTF-8.") from None
    except RecursionError:
        raise malformed("json_depth", _MAX_DEPTH_MESSAGE) from None
    except ValueError as error:  # JSONDecodeError, and integers of thousands of digits
        raise malformed("json", f"The body is not JSON: {error}.") from error
    if not isinstance(value, dict):
        raise malformed("json_object", "The JSON body must be one object.")
    return value


def encode_json(value: object) -> bytes:
    try:
        return _ENCODER.encode(value).encode("utf-8", "strict")
    except UnicodeEncodeError:
        raise malformed("json_surrogate", "The JSON body has half of a surrogate pair.") from None
    except RecursionError:
        raise malformed("json_depth", _MAX_DEPTH_MESSAGE) from None
    except ValueError:
        raise malformed("json_number", "The JSON body has a number that is too large.") from None


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise malformed("duplicate_key", "The JSON body has a key twice in one object.")
    return made


def _constant(name: str) -> NoReturn:
    raise malformed("json_constant", f"{name} is not JSON; write it as a string.")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), check_circular=False)
