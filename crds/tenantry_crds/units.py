"""Durations (`1h30m`) and quantities (`32Gi`), as the custom resources spell them.

What is read, written and read again is the same value; a quantity keeps the spelling that its author chose.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Final

from pydantic import BeforeValidator, GetCoreSchemaHandler, GetJsonSchemaHandler, PlainSerializer, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from tenantry_crds.rules import RULES_KEY

__all__ = ["Duration", "Quantity", "format_duration", "parse_duration"]

# Five digits keep every sum far below timedelta's limit, and are 68 years of hours.
_DURATION: Final = "([0-9]{1,5}d)?([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,5}s)?"
_DURATION_MESSAGE: Final = "must be a duration above zero, like 90s, 30m, 1h30m or 7d"
_SECONDS: Final = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))
_QUANTITY: Final = "([0-9]{1,12})(\\.[0-9]{1,3})?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?"
# Twelve digits, for a whole number too.
_MOST: Final = 10**12
_QUANTITY_MESSAGE: Final = "must be a quantity, like 8, 500m, 32Gi or 200G"
_FACTORS: Final = {
    "m": Decimal("0.001"),
    "": Decimal(1),
    **{unit: Decimal(1000) ** power for power, unit in enumerate("kMGTP", start=1)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTP", start=1)},
}


def parse_duration(text: object) -> timedelta:
    """Read days, hours, minutes and seconds in this order, each at most once. ValueError says how to write it."""
    if isinstance(text, timedelta):
        return text
    found = re.fullmatch(_DURATION, text) if isinstance(text, str) else None
    seconds = sum(int(part[:-1]) * dict(_SECONDS)[part[-1]] for part in found.groups() if part) if found else 0
    if not seconds:
        raise ValueError(_DURATION_MESSAGE)
    return timedelta(seconds=seconds)


def format_duration(duration: timedelta) -> str:
    """Write whole seconds in the shortest spelling that `parse_duration` reads."""
    rest, parts = int(duration.total_seconds()), []
    for unit, seconds in _SECONDS:
        count, rest = divmod(rest, seconds)
        parts.append(f"{count}{unit}" if count else "")
    return "".join(parts)


_DURATION_RULE: Final = {
    "rule": f"self.matches(r'^{_DURATION}$') && self.matches('[1-9]')",
    "message": _DURATION_MESSAGE,
}
Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "maxLength": 24, RULES_KEY: [_DURATION_RULE]}),
]


@dataclass(frozen=True, slots=True)
class Quantity:
    """An amount as Kubernetes writes it: keeps its spelling, but is equal by its amount (`1024Mi` is `1Gi`)."""

    value: Decimal
    text: str = field(compare=False)

    @classmethod
    def parse(cls, text: object) -> Quantity:
        """Read a quantity from its text, or from a whole number. ValueError says how to write it."""
        if isinstance(text, cls):
            return text
        plain = str(text) if isinstance(text, int) and not isinstance(text, bool) else text
        found = re.fullmatch(_QUANTITY, plain) if isinstance(plain, str) else None
        if found is None:
            raise ValueError(_QUANTITY_MESSAGE)
        return cls(Decimal(found[1] + (found[2] or "")) * _FACTORS[found[3] or ""], found[0])

    def __str__(self) -> str:
        return self.text

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(cls.parse, serialization=core_schema.to_string_ser_schema())

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        # People write `cpu: 8` and mean it: Kubernetes has a type for exactly this.
        written = f"type(self) == int ? self >= 0 && self < {_MOST} : self.matches(r'^{_QUANTITY}$')"
        rule = {"rule": written, "message": _QUANTITY_MESSAGE}
        return {"x-kubernetes-int-or-string": True, "maxLength": 20, RULES_KEY: [rule]}
