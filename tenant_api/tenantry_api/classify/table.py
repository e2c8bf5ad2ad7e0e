"""The table of one MLflow version: its generated routes and schemas, joined with our policy, and its UI's files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

from tenantry_api.classify.graphql import Operation, known_operation
from tenantry_api.classify.policy import Allowance, Denial, Policy, load_policy
from tenantry_api.classify.schema import Message, Schemas
from tenantry_api.classify.stock import stock_files
from tenantry_api.facts import StockFile

__all__ = ["METHODS", "Route", "RouteTable", "load_table"]

METHODS: Final = ("DELETE", "GET", "PATCH", "POST", "PUT")
_FIELD: Final = re.compile(r"\{(\w+)(:path)?\}")


@dataclass(frozen=True, slots=True)
class Route:
    """One method and path of MLflow, what the policy says about it, and the schemas of its parameters."""

    rpc: str
    method: str
    template: str
    pattern: re.Pattern[str]
    rule: Allowance | Denial
    # What the query or the JSON body may have; what the path and the headers have.
    schema: Message
    path_schema: Message
    header_schema: Message


@dataclass(frozen=True, slots=True)
class RouteTable:
    version: str
    # Paths without parameters, by (method, path): they win over patterns, as in MLflow's own routers.
    literal: Mapping[tuple[str, str], Route]
    patterns: Mapping[str, tuple[Route, ...]]
    # The UI's GraphQL operations by name, each with the REST route that asks for the same.
    graphql: Mapping[str, tuple[Operation, Route]]
    # The UI's own, by name.
    files: Mapping[str, StockFile]

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        route = self.literal.get((method, path))
        if route is not None:
            return route, {}
        for route in self.patterns.get(method, ()):
            found = route.pattern.fullmatch(path)
            if found is not None:
                return route, found.groupdict()
        return None

    def methods(self, path: str) -> tuple[str, ...]:
        return tuple(method for method in METHODS if self.find(method, path) is not None)


def load_table(version: str) -> RouteTable:
    """The table of a supported MLflow; FileNotFoundError for another, ValueError where policy and routes disagree."""
    own = f"mlflow_{version.replace('.', '_')}"
    data = _read(f"{own}.json")
    policy = load_policy()
    _require_complete(policy, {row["rpc"] for row in data["routes"]})
    # FastAPI stands in front of Flask: of two routes with one method and path, it answers.
    rows = {(row["method"], row["path"]): row for row in sorted(data["routes"], key=_fastapi_last)}
    routes = tuple(_routes(rows.values(), policy, Schemas(data["messages"], data["enums"], policy.formats)))
    return RouteTable(
        version=data["mlflow"],
        literal={(route.method, route.template): route for route in routes if "{" not in route.template},
        patterns={method: _ordered(method, routes) for method in METHODS},
        graphql=_graphql(data["documents"].values(), {route.rpc: route for route in routes}),
        files=stock_files(_read(f"{own}_ui.json")),
    )


def _read(name: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(files(__package__).joinpath(name).read_bytes())
    return data


def _require_complete(policy: Policy, rpcs: set[str]) -> None:
    if policy.rules.keys() != rpcs:
        raise ValueError(
            f"policy.toml and the routes of MLflow disagree: without a rule {sorted(rpcs - policy.rules.keys())}, "
            f"without a route {sorted(policy.rules.keys() - rpcs)}"
        )


def _fastapi_last(row: Mapping[str, Any]) -> bool:
    return bool(row["framework"] == "fastapi")


def _routes(rows: Iterable[dict[str, Any]], policy: Policy, schemas: Schemas) -> Iterator[Route]:
    for row in rows:
        rule = policy.rules[row["rpc"]]
        in_path = {name: "string" for name, _ in _FIELD.findall(row["path"])}
        yield Route(
            rpc=row["rpc"],
            method=row["method"],
            template=row["path"],
            pattern=_pattern(row["path"]),
            rule=rule,
            schema=_schema(row, rule, schemas),
            path_schema=schemas.fields(row["rpc"], in_path),
            header_schema=schemas.fields(row["rpc"], dict.fromkeys(_headers(row), "string")),
        )


def _graphql(documents: Iterable[str], routes: Mapping[str, Route]) -> dict[str, tuple[Operation, Route]]:
    operations = [known_operation(document) for document in documents]
    return {operation.name: (operation, routes[operation.rpc]) for operation in operations}


def _schema(row: Mapping[str, Any], rule: Allowance | Denial, schemas: Schemas) -> Message:
    by_hand = rule.parameters if isinstance(rule, Allowance) else {}
    label = row["rpc"].rpartition(".")[2]
    return schemas.fields(label, {**schemas.messages.get(row.get("message", ""), {}), **by_hand})


def _headers(row: Mapping[str, Any]) -> Iterator[str]:
    """Headers that MLflow reads as parameters. The workspace's is not one of them: no project has workspaces inside."""
    for read in row.get("reads", ()):
        place, _, name = read.partition(":")
        if place == "header" and name.startswith("x-mlflow-") and name != "x-mlflow-workspace":
            yield name


def _pattern(template: str) -> re.Pattern[str]:
    parts = _FIELD.split(template)
    # split() gives text, name, ':path' or None, text, …
    fields = (f"(?P<{name}>{'.+' if path else '[^/]+'})" for name, path in zip(parts[1::3], parts[2::3], strict=True))
    texts = [re.escape(text) for text in parts[::3]]
    return re.compile(texts[0] + "".join(f + text for f, text in zip(fields, texts[1:], strict=True)))


def _ordered(method: str, routes: tuple[Route, ...]) -> tuple[Route, ...]:
    """The most literal first: a parameter that spans slashes must not hide a route with more of its own words."""
    chosen = [route for route in routes if route.method == method and "{" in route.template]
    return tuple(sorted(chosen, key=lambda route: (":path}" in route.template, -len(_FIELD.sub("", route.template)))))
