"""One rule, checked twice with one message: by pydantic here, by CEL in the Kubernetes API server.

A `Rule` stands in an `Annotated[...]` beside the field that it guards, or in the `rules` of a model when it needs two
fields. `schema.py` finds it in the generated JSON schema, under the key that Kubernetes reads.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

__all__ = ["RULES_KEY", "Rule", "Unique", "matching"]

RULES_KEY = "x-kubernetes-validations"


@dataclass(frozen=True, slots=True)
class Rule:
    """`cel` sees the value as `self`, in the CR's spelling; `holds` sees the parsed value. They must agree."""

    message: str
    cel: str
    holds: Callable[[Any], bool]

    def check(self, value: Any) -> Any:
        """Return the value as it is, or raise ValueError with the rule's message."""
        if not self.holds(value):
            raise ValueError(self.message)
        return value

    def as_cel(self) -> dict[str, str]:
        return {"rule": self.cel, "message": self.message}

    def as_cel_at(self, path: str) -> dict[str, str]:
        """Return the rule for a value below the object that carries it; the message then names the path."""
        return {"rule": self.cel.replace("self", f"self.{path}"), "message": f"{path} {self.message}"}

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        written = handler(schema)
        written.setdefault(RULES_KEY, []).append(self.as_cel())
        return written


def matching(pattern: str, message: str) -> Rule:
    """Return the rule that a string matches the whole of `pattern` (RE2's syntax, which Python shares here)."""
    compiled = re.compile(pattern)
    return Rule(message, f"self.matches('^{pattern}$')", lambda text: compiled.fullmatch(text) is not None)


class Unique:
    """A list in which nothing stands twice: the API server's type `set`, or `map` for objects with these keys."""

    def __init__(self, *keys: str) -> None:
        self._schema: dict[str, object] = {"x-kubernetes-list-type": "set"}
        if keys:
            self._schema = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)}

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(_check_unique, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(schema) | self._schema


def _check_unique(values: tuple[object, ...]) -> tuple[object, ...]:
    for position, value in enumerate(values):
        if value in values[:position]:
            raise ValueError(f"must not list the same thing twice: {value}")
    return values
