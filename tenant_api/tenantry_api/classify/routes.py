"""Finds what a request asks of MLflow. Deny by default: what the table and the policy do not both know is refused.

    match(table, "GET", target, b"run_id=0f3a…", headers)  →  Match  →  finish(match, None)  →  Action

`match` needs no body, so it can say how the body must travel; `finish` needs all of it, unless it is streamed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tenantry_api.classify.framing import Framing, header, read_framing
from tenantry_api.classify.policy import Allowance, Body, Denial
from tenantry_api.classify.query import parse_query
from tenantry_api.classify.refuse import RefusedError, malformed, refuse, unknown
from tenantry_api.classify.stock import requested_file
from tenantry_api.classify.table import METHODS, Route, RouteTable, load_table
from tenantry_api.facts import Kind, Permission, Refusal, StockFile, Target

__all__ = ["Match", "RouteTable", "load_table", "match"]


@dataclass(frozen=True, slots=True)
class Match:
    """A request that the policy knows, all but its body."""

    table: RouteTable
    route: Route
    rule: Allowance
    target: Target
    framing: Framing
    path: Mapping[str, object]
    query: Mapping[str, object]
    headers: Mapping[str, object]
    file: StockFile | None

    @property
    def operation(self) -> str:
        return self.rule.operation

    @property
    def permission(self) -> Permission:
        return self.rule.permission

    @property
    def kind(self) -> Kind:
        return self.rule.kind

    @property
    def body(self) -> Body:
        """How to read the body: not at all, whole (at most `max_body` bytes), or passed on as it comes."""
        return self.framing.body

    @property
    def max_body(self) -> int:
        return self.framing.max_body

    @property
    def content_length(self) -> int | None:
        return self.framing.content_length


def match(
    table: RouteTable, method: str, target: Target, query: bytes, headers: Sequence[tuple[bytes, bytes]]
) -> Match | Refusal:
    """`query` is still percent-encoded, `headers` are as ASGI has them."""
    operation = "unknown"
    try:
        found = _find(table, method, target.path)
        operation = _operation(found[0])
        return _match(table, found, target, query, headers)
    except RefusedError as error:
        return replace(error.refusal, operation=operation)


def _find(table: RouteTable, method: str, path: str) -> tuple[Route, dict[str, str]]:
    found = table.find(method, path) if method in METHODS else None
    if found is not None:
        return found
    allowed = table.methods(path)
    if allowed:
        message = f"This address takes {', '.join(allowed)}, not {method[:20]}."
        raise refuse(405, "ENDPOINT_NOT_FOUND", "method_not_allowed", message)
    raise unknown("unknown_route", f"MLflow {table.version} has no such address.")


def _operation(route: Route) -> str:
    return route.rule.operation if isinstance(route.rule, Allowance) else route.rpc


def _match(
    table: RouteTable,
    found: tuple[Route, dict[str, str]],
    target: Target,
    query: bytes,
    headers: Sequence[tuple[bytes, bytes]],
) -> Match:
    route, in_path = found
    rule = _allowed(route.rule)
    _refuse_service_worker(headers)
    framing = read_framing(route.method, headers, Body.NONE if route.method == "GET" else rule.body)
    route.path_schema.check(in_path)
    from_headers = {name: header(headers, name.encode()) for name in route.header_schema.fields}
    route.header_schema.check(from_headers)
    from_query = _query(rule, framing, query, route)
    file = requested_file(table.files, in_path) if rule.kind is Kind.STATIC else None
    return Match(table, route, rule, target, framing, in_path, from_query, from_headers, file)


def _refuse_service_worker(headers: Sequence[tuple[bytes, bytes]]) -> None:
    """A browser asks for one with this header. It would stay, and answer in the project's place to whoever looks."""
    if header(headers, b"service-worker") is not None:
        raise refuse(
            403, "PERMISSION_DENIED", "service_worker", "MLflow's UI has no service worker, nor may it get one."
        )


def _query(rule: Allowance, framing: Framing, query: bytes, route: Route) -> dict[str, object]:
    if rule.kind is Kind.STATIC:
        return {}  # the UI's files are the same for every query, so it is dropped, not read
    if framing.body is Body.JSON and query:
        raise malformed("query", f"MLflow reads the parameters of this {route.method} request from the JSON body only.")
    return parse_query(query, route.schema)


def _allowed(rule: Allowance | Denial) -> Allowance:
    if isinstance(rule, Allowance):
        return rule
    code = "ENDPOINT_NOT_FOUND" if rule.status == 404 else "PERMISSION_DENIED"  # noqa: PLR2004 - HTTP's not found
    raise refuse(rule.status, code, rule.reason, rule.message)
