"""The base of every part of a manifest, and the types that parts share."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Self

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, GetJsonSchemaHandler, model_validator
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from tenantry_crds.rules import RULES_KEY, Rule

__all__ = ["Instant", "Value"]


_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def _rfc_3339(value: object) -> object:
    if isinstance(value, (int, float)) or (isinstance(value, str) and not _TIME.fullmatch(value)):
        raise ValueError("must be an RFC 3339 time with a zone, like 2027-01-31T00:00:00Z")
    return value


# pydantic takes more, which the API server refuses: a number, even in quotes, would pass for seconds since 1970.
Instant = Annotated[AwareDatetime, BeforeValidator(_rfc_3339)]


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
