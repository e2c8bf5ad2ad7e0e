"""Checks values against MLflow's own protobuf schema: every name known, every type right, at any depth.

MLflow ignores names that it does not know, takes a field's camelCase name as well, and goes on with half a message when
a type is wrong. Each of these would let a request mean more than its record says, so each is refused.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from tenantry_api.classify.formats import FORMATS
from tenantry_api.classify.refuse import RefusedError, invalid

__all__ = ["Check", "Field", "Message", "Schemas"]

Check = Callable[[object], None]

_INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,19})")
_NUMBER: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|-?Infinity|NaN")
_RANGES: Final = {
    "int32": (-(2**31), 2**31 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "sint64": (-(2**63), 2**63 - 1),
    "fixed64": (0, 2**64 - 1),
    "uint32": (0, 2**32 - 1),
    "fixed32": (0, 2**32 - 1),
    "uint64": (0, 2**64 - 1),
}


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    type: str
    repeated: bool
    check: Check


@dataclass(frozen=True, slots=True)
class Message:
    """The fields of one request, or of one nested object. The mapping is filled later: messages may nest."""

    name: str
    fields: Mapping[str, Field]

    def check(self, value: object) -> None:
        if not isinstance(value, dict):
            raise invalid("type", f"{self.name} must be a JSON object.")
        for name, item in value.items():
            known = self.fields.get(name)
            if known is None:
                raise _unknown_field(self.name, name)
            if item is not None:
                known.check(item)


@dataclass(slots=True)
class Schemas:
    """Makes the checks from the generated table and the policy's formats; used when the door starts."""

    messages: Mapping[str, Mapping[str, str]]
    enums: Mapping[str, list[str]]
    formats: Mapping[str, str]
    made: dict[str, Message] = field(default_factory=dict)

    def message(self, name: str) -> Message:
        if name not in self.made:
            self.made[name] = self.fields(name.rpartition(".")[2], {}, register_as=name)
        return self.made[name]

    def fields(self, label: str, types: Mapping[str, str], *, register_as: str | None = None) -> Message:
        """`label` is how refusals call the object."""
        fields: dict[str, Field] = {}
        message = Message(label, fields)
        if register_as is not None:
            self.made[register_as] = message
            types = self.messages[register_as]
        fields.update({name: self._field(label, name, spelled) for name, spelled in types.items()})
        return message

    def _field(self, label: str, name: str, spelled: str) -> Field:
        kind = spelled.removesuffix("[]").removesuffix("{}")
        check = self._value(f"{label}.{name}", name, kind)
        if spelled.endswith("{}"):
            return Field(name, kind, repeated=False, check=self._map(f"{label}.{name}", check))
        if spelled.endswith("[]"):
            return Field(name, kind, repeated=True, check=_each_item(f"{label}.{name}", check))
        return Field(name, kind, repeated=False, check=check)

    def _map(self, where: str, check: Check) -> Check:
        return _each_entry(where, _string(where, self.formats.get(where)), check)

    def _value(self, where: str, name: str, kind: str) -> Check:
        if kind in self.messages:
            return self.message(kind).check
        if kind in self.enums:
            return _enum(where, frozenset(self.enums[kind]))
        if kind == "string":
            return _string(where, self.formats.get(where) or self.formats.get(name))
        if kind in _RANGES:
            return _integer(where, *_RANGES[kind])
        return {**_SCALARS, **_WELL_KNOWN}[kind](where)


def _unknown_field(message: str, name: str) -> RefusedError:
    return invalid("unknown_field", f"{message} has no field {name[:80]!r}; MLflow's own names are in snake_case.")


def _each_item(where: str, check: Check) -> Check:
    def check_items(value: object) -> None:
        if not isinstance(value, list):
            raise invalid("type", f"{where} must be a JSON array.")
        for item in value:
            check(item)

    return check_items


def _each_entry(where: str, check_key: Check, check_value: Check) -> Check:
    def check_entries(value: object) -> None:
        if not isinstance(value, dict):
            raise invalid("type", f"{where} must be a JSON object.")
        for key, item in value.items():
            check_key(key)
            check_value(item)

    return check_entries


def _string(where: str, format_name: str | None) -> Check:
    if format_name is None:

        def check_string(value: object) -> None:
            if not isinstance(value, str):
                raise invalid("type", f"{where} must be a string.")

        return check_string
    check_format = FORMATS[format_name]

    def check_formatted(value: object) -> None:
        if not isinstance(value, str):
            raise invalid("type", f"{where} must be a string.")
        if value:
            check_format(where, value)

    return check_formatted


def _integer(where: str, low: int, high: int) -> Check:
    def check(value: object) -> None:
        if type(value) is int and low <= value <= high:
            return
        if not isinstance(value, str) or not _INTEGER.fullmatch(value) or not low <= int(value) <= high:
            raise invalid("type", f"{where} must be a whole number from {low} to {high}.")

    return check


def _double(where: str) -> Check:
    def check(value: object) -> None:
        if (type(value) is float and math.isfinite(value)) or type(value) is int:
            return
        if not isinstance(value, str) or not _NUMBER.fullmatch(value):
            raise invalid("type", f"{where} must be a number, or 'NaN', 'Infinity' or '-Infinity' as a string.")

    return check


def _boolean(where: str) -> Check:
    def check(value: object) -> None:
        if not isinstance(value, bool):
            raise invalid("type", f"{where} must be true or false.")

    return check


def _bytes(where: str) -> Check:
    def check(value: object) -> None:
        try:
            base64.b64decode(value if isinstance(value, str) else "!", validate=True)
        except (binascii.Error, ValueError):
            raise invalid("type", f"{where} must be Base64.") from None

    return check


def _enum(where: str, names: frozenset[str]) -> Check:
    def check(value: object) -> None:
        if not isinstance(value, str) or value not in names:
            raise invalid("type", f"{where} must be one of {', '.join(sorted(names))}.")

    return check


def _free(kind: type, name: str) -> Callable[[str], Check]:
    """Any JSON value of a kind, as long as its numbers are finite: `1e999` would be written again as something else."""

    def make(where: str) -> Check:
        def check(value: object) -> None:
            if not isinstance(value, kind):
                raise invalid("type", f"{where} must be a JSON {name}.")
            if not all(math.isfinite(number) for number in _floats(value)):
                raise invalid("type", f"{where} has a number that is too large.")

        return check

    return make


def _floats(value: object) -> Iterator[float]:
    if isinstance(value, float):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _floats(item)


def _text(where: str) -> Check:
    return _string(where, None)


_SCALARS: Final[Mapping[str, Callable[[str], Check]]] = {
    "bool": _boolean,
    "bytes": _bytes,
    "double": _double,
    "float": _double,
}
# The JSON forms of protobuf's own types: https://protobuf.dev/programming-guides/json/
_WELL_KNOWN: Final[Mapping[str, Callable[[str], Check]]] = {
    "google.protobuf.Duration": _text,
    "google.protobuf.FieldMask": _text,
    "google.protobuf.ListValue": _free(list, "array"),
    "google.protobuf.Struct": _free(dict, "object"),
    "google.protobuf.Timestamp": _text,
    "google.protobuf.Value": _free(object, "value"),
}
