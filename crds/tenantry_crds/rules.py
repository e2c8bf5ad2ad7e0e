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

__all__ = ["RULES_KEY", "Rule", "Unique", "at_first_or_never", "matching", "set_once"]

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
    # A dollar sign in Python would let a newline follow; RE2's classes know ASCII alone.
    compiled = re.compile(pattern, re.ASCII)
    return Rule(message, f"self.matches(r'^{pattern}$')", lambda text: compiled.fullmatch(text) is not None)


def set_once(field: str) -> Rule:
    """Return the rule that `field` (in the CR's spelling) never changes. One value has no past: CEL alone can judge."""
    kept = f"!has(oldSelf.{field}) || (has(self.{field}) && self.{field} == oldSelf.{field})"
    return Rule(f"{field} cannot change: data is found by it", kept, lambda _: True)


def at_first_or_never(field: str) -> Rule:
    """Return the rule that `field` is as it was when its object was made: given then, it never changes; not given then,
    it never is.
    """
    kept = f"has(self.{field}) == has(oldSelf.{field}) && (!has(self.{field}) || self.{field} == oldSelf.{field})"
    return Rule(f"{field} cannot be named, changed or left out later: data is found by it", kept, lambda _: True)


class Unique:
    """A list in which nothing stands twice: the API server's type `set`, or `map` for objects with these keys."""

    def __init__(self, *keys: str) -> None:
        self._keys = keys

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        if not self._keys:
            return handler(schema) | {"x-kubernetes-list-type": "set"}
        return handler(schema) | {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(self._keys)}

    def _check(self, values: tuple[object, ...]) -> tuple[object, ...]:
        seen = set()
        for value in values:
            identity = self._identity(value)
            if identity in seen:
                raise ValueError(f"must not list the same thing twice: {identity}")
            seen.add(identity)
        return values

    def _identity(self, value: object) -> str:
        return "/".join(getattr(value, key) for key in self._keys) if self._keys else str(value)
