"""Reads `policy.toml`, our own rules over MLflow's routes, into values; two rules for one call stop the start."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from typing import Any, Final

from tenantry_api.facts import Kind, Permission

__all__ = ["Allowance", "Body", "Content", "Denial", "Policy", "ResourceName", "load_policy"]

_PLACEHOLDER: Final = re.compile(r"\{([^{}]+)\}")


class Body(StrEnum):
    """How the pipeline reads the body before it calls `finish`."""

    NONE = "none"
    # Buffered, parsed strictly and written again.
    JSON = "json"
    # Never held in memory; passed on as it comes.
    STREAM = "stream"
    # Buffered, and passed on byte for byte: protobuf of OTLP, and small uploads without a Content-Length.
    RAW = "raw"


class Content(StrEnum):
    """What a body says, where it is read at all."""

    PARAMETERS = "parameters"
    GRAPHQL = "graphql"
    SPANS = "spans"


@dataclass(frozen=True, slots=True)
class ResourceName:
    """How a resource's id is made of fields: kind `alias`, template `{name}@{alias}`."""

    kind: str
    template: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Allowance:
    permission: Permission
    kind: Kind
    body: Body
    operation: str
    resources: tuple[ResourceName, ...]
    parameters: Mapping[str, str]
    content: Content


@dataclass(frozen=True, slots=True)
class Denial:
    status: int
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Policy:
    rules: Mapping[str, Allowance | Denial]
    formats: Mapping[str, str]


def load_policy() -> Policy:
    """The policy in this package; ValueError when it names a call twice."""
    data = tomllib.loads(files(__package__).joinpath("policy.toml").read_text(encoding="utf-8"))
    rules: dict[str, Allowance | Denial] = {}
    given: tuple[tuple[str, Allowance | Denial], ...] = (*_allowances(data), *_denials(data))
    for rpc, rule in given:
        if rules.setdefault(rpc, rule) is not rule:
            raise ValueError(f"policy.toml has two rules for {rpc}; keep one")
    return Policy(rules, data["formats"])


def _allowances(data: Mapping[str, Any]) -> Iterator[tuple[str, Allowance]]:
    for name, calls in data["allow"].items():
        given = data["classes"][name]
        for rpc, resources in calls.items():
            yield (
                rpc,
                Allowance(
                    permission=Permission(given["permission"]),
                    kind=Kind(given["kind"]),
                    body=Body(given.get("body", Body.NONE)),
                    operation=data["operations"].get(rpc, rpc.rpartition(".")[2]),
                    resources=tuple(_resource(spelled) for spelled in resources),
                    parameters=data["parameters"].get(rpc, {}),
                    content=Content(given.get("content", Content.PARAMETERS)),
                ),
            )


def _resource(spelled: str) -> ResourceName:
    kind, _, template = spelled.partition(":")
    return ResourceName(kind, template, tuple(_PLACEHOLDER.findall(template)))


def _denials(data: Mapping[str, Any]) -> Iterator[tuple[str, Denial]]:
    for group in data["deny"]:
        for rpc in group["rpcs"]:
            yield rpc, Denial(group["status"], group["reason"], group["message"])
