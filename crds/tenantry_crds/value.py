"""The base of every part of a manifest, and the types that parts share."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, ClassVar, Final, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetJsonSchemaHandler,
    WithJsonSchema,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from tenantry_crds.rules import RULES_KEY, Rule

__all__ = ["Instant", "Value"]


# The API server's own check of a time lets through what no clock shows, and what PostgreSQL reads but cannot give back.
_TIME: Final = (
    r"2[0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
)
_YEARS: Final = range(2000, 3000)
_WORDS: Final = "must be an RFC 3339 time with a zone, like 2027-01-31T00:00:00Z"


def _rfc_3339(value: object) -> object:
    """To pydantic a number, even in quotes, is seconds since 1970; the API server refuses it."""
    if isinstance(value, (int, float)) or (isinstance(value, str) and not re.fullmatch(_TIME, value)):
        raise ValueError(_WORDS)
    return value


def _of_our_time(value: datetime) -> datetime:
    """YAML has a type of its own for times, which no pattern has seen."""
    if value.year not in _YEARS:
        raise ValueError(_WORDS)
    return value


Instant = Annotated[
    AwareDatetime,
    BeforeValidator(_rfc_3339),
    AfterValidator(_of_our_time),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": f"^{_TIME}$"}),
]


class Value(BaseModel):
    """A part of a manifest: frozen, camelCase outside, no field that we do not know."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, extra="forbid", use_attribute_docstrings=True
    )
    # Rules that need more than one field.
    rules: ClassVar[tuple[Rule, ...]] = ()

    @model_validator(mode="after")
    def _keeps_the_rules(self) -> Self:
        for rule in self.rules:
            rule.check(self)
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        written = handler.resolve_ref_schema(handler(schema))
        if cls.rules:
            written[RULES_KEY] = [rule.as_cel() for rule in cls.rules]
        return written
