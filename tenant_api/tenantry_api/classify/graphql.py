"""The UI's GraphQL: a handful of known documents, parsed and written again; all else is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tenantry_api.classify.refuse import forbidden
from tenantry_api.facts import Resource

__all__ = ["Request", "rebuild"]


@dataclass(frozen=True, slots=True)
class Request:
    operation: str
    variables: Mapping[str, object]
    resources: tuple[Resource, ...]
    body: Mapping[str, object]


def rebuild(_body: Mapping[str, object]) -> Request:
    raise forbidden("graphql", "This GraphQL document is not one of the UI's.")
