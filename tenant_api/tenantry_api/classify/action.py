"""Joins path, query, headers and body of a match into an `Action`: the canonical request and what it names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product

from tenantry_api.classify import graphql
from tenantry_api.classify.body import encode_json, parse_json
from tenantry_api.classify.framing import too_large
from tenantry_api.classify.otlp import read_spans
from tenantry_api.classify.path import encode_path
from tenantry_api.classify.policy import Allowance, Body, Content, ResourceName
from tenantry_api.classify.query import encode_query
from tenantry_api.classify.refuse import RefusedError, invalid, malformed
from tenantry_api.classify.routes import Match
from tenantry_api.classify.table import Route
from tenantry_api.facts import Action, Refusal, Resource

__all__ = ["finish"]


def finish(match: Match, body: bytes | None) -> Action | Refusal:
    """`body` is the whole body where `match.body` is json or raw, and None where it is none or stream."""
    try:
        return _finish(match, body)
    except RefusedError as error:
        return replace(error.refusal, operation=match.operation)
    except RecursionError:
        refused = malformed("json_depth", "The JSON body is nested too deeply.")
        return replace(refused.refusal, operation=match.operation)


def _finish(match: Match, body: bytes | None) -> Action:
    if body is not None and len(body) > match.max_body:
        raise too_large(match.max_body)
    if match.rule.content is Content.GRAPHQL:
        return _graphql(match, body or b"")
    if match.rule.content is Content.SPANS:
        body = read_spans(body or b"", match.framing.content_type, match.framing.content_encoding)
    in_body = _json(match, body or b"") if match.body is Body.JSON else {}
    query = _one_spelling(match.route, match.query)
    parameters = _join(match.path, match.headers, query, in_body)
    action = _action(match, encode_query(query), body, in_body)
    return replace(action, resources=_resources(match.rule.resources, parameters), parameters=parameters)


def _action(match: Match, query: str, body: bytes | None, in_body: Mapping[str, object]) -> Action:
    if match.body is Body.JSON:
        body = encode_json(in_body)
    return Action(
        kind=match.kind,
        permission=match.permission,
        operation=match.operation,
        method=match.route.method,
        path=encode_path(match.target.path),
        query=query,
        body=body if match.body in {Body.JSON, Body.RAW} else None,
        content_type="application/json" if match.body is Body.JSON else match.framing.content_type,
        content_length=len(body) if body is not None else match.content_length,
        headers=tuple((name, str(value)) for name, value in match.headers.items() if value is not None),
        file=match.file,
    )


def _json(match: Match, body: bytes) -> dict[str, object]:
    values = parse_json(body)
    match.route.schema.check(values)
    return _one_spelling(match.route, values)


def _one_spelling(route: Route, values: Mapping[str, object]) -> dict[str, object]:
    """`run_uuid` is MLflow's old name of `run_id`; its client sends both. They must agree, and one goes upstream."""
    if not {"run_id", "run_uuid"} <= route.schema.fields.keys() or "run_uuid" not in values:
        return dict(values)
    joined = {**values, "run_id": values.get("run_id") or values["run_uuid"]}
    if joined.pop("run_uuid") not in {joined["run_id"], "", None}:
        raise invalid(
            "two_spellings", "run_id and run_uuid are two names of one parameter, and their values differ."
        ) from None
    return joined


def _join(*places: Mapping[str, object]) -> dict[str, object]:
    """One mapping of all parameters; one that stands in two places must have the same value in both."""
    joined: dict[str, object] = {}
    for name, value in ((name, value) for place in places for name, value in place.items()):
        if value is not None and joined.setdefault(name, value) != value:
            raise invalid("two_places", f"{name} stands in two places of the request, and the values differ.")
    return joined


def _resources(names: tuple[ResourceName, ...], parameters: Mapping[str, object]) -> tuple[Resource, ...]:
    return tuple(dict.fromkeys(resource for name in names for resource in _named(name, parameters)))


def _named(name: ResourceName, parameters: Mapping[str, object]) -> Iterator[Resource]:
    """None where a field is absent; each combination where one has many values."""
    values = [list(_values(parameters, field.split("."))) for field in name.fields]
    for chosen in product(*values):
        text = name.template
        for field, value in zip(name.fields, chosen, strict=True):
            text = text.replace(f"{{{field}}}", value)
        yield Resource(name.kind, text)


def _values(value: object, path: list[str]) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _values(item, path)
    elif path and isinstance(value, Mapping):
        yield from _values(value.get(path[0]), path[1:])
    elif not path and value not in {None, ""}:
        yield str(value)


def _graphql(match: Match, body: bytes) -> Action:
    known = {name: operation for name, (operation, _) in match.table.graphql.items()}
    request = graphql.read_request(parse_json(body), known)
    operation, route = match.table.graphql[request.operation.name]
    parameters = _one_spelling(route, graphql.snake_case(request.values, route.schema))
    upstream = {
        "operationName": operation.name,
        "query": request.document,
        "variables": {request.variable: graphql.camel_case(parameters)},
    }
    action = _action(match, "", None, upstream)
    names = route.rule.resources if isinstance(route.rule, Allowance) else ()
    return replace(
        action,
        operation=f"graphql.{operation.name}",
        resources=_resources(names, parameters),
        parameters=parameters,
    )
