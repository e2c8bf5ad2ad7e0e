"""Prints every route of the installed MLflow as JSON: what the door's route table is made from.

    python -m tenantry_backend.routes > tenant_api/tenantry_api/classify/mlflow_3_17_2.json

A route is one method and path of MLflow's FastAPI application or of the Flask application mounted below it; where both
have it, FastAPI answers. `rpc` is the protobuf request's name where there is one, else the name of the function that
answers. `reads` are the names that a function takes from the query by hand, beside its protobuf request. Field types:
`int64`, `mlflow.RunTag`, `…[]` for repeated, `…{}` for a map whose keys are strings. `documents` are the GraphQL
operations that MLflow's UI sends, from its JavaScript. The order is fixed, so the same MLflow always prints the same.
"""

from __future__ import annotations

import ast
import inspect
import json
import os
import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

__all__ = ["dump", "main"]

_METHODS = frozenset({"DELETE", "GET", "PATCH", "POST", "PUT"})
_DOCUMENT = re.compile(r"`(?P<text>\s*(?:query|mutation|subscription)\s+(?P<name>\w+)\s*\(\$[^`]*)`")
# A service's protobuf descriptors and a function's abstract syntax have no published types.
_Descriptor = Any


@dataclass(frozen=True, slots=True, order=True)
class Route:
    path: str
    method: str
    framework: str
    rpc: str
    message: str | None = None
    reads: tuple[str, ...] = ()


def dump() -> dict[str, Any]:
    """The routes and the request schemas. Imports MLflow's server, which takes seconds and reads its environment."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    from mlflow.version import VERSION  # noqa: PLC0415 - the environment above must be set first

    requests = _requests()
    routes = sorted({*_fastapi_routes(), *_flask_routes(requests)})
    messages, enums = _schemas({request.full_name: request for request in requests.values()})
    return {
        "mlflow": VERSION,
        "documents": _documents(),
        "enums": enums,
        "messages": messages,
        "routes": [_row(route) for route in routes],
    }


def main(out: TextIO = sys.stdout) -> None:
    """Writes one row, message or enum a line, so that a difference between two versions reads well."""
    data = dump()
    out.write(f'{{"mlflow": {json.dumps(data["mlflow"])},\n')
    for part in ("documents", "enums", "messages"):
        rows = ",\n".join(f" {json.dumps(name)}: {json.dumps(value)}" for name, value in sorted(data[part].items()))
        out.write(f'"{part}": {{\n{rows}\n}},\n')
    rows = ",\n".join(f" {json.dumps(row)}" for row in data["routes"])
    out.write(f'"routes": [\n{rows}\n]}}\n')


def _row(route: Route) -> dict[str, Any]:
    row: dict[str, Any] = {"method": route.method, "path": route.path, "framework": route.framework, "rpc": route.rpc}
    if route.message is not None:
        row["message"] = route.message
    if route.reads:
        row["reads"] = list(route.reads)
    return row


def _documents() -> dict[str, str]:
    """GraphQL operations by name; in the UI's bundle they are template literals, with nothing put in."""
    from mlflow.server import app  # noqa: PLC0415 - see dump

    scripts = sorted(Path(str(app.static_folder), "static", "js").glob("*.js"))
    found = (_DOCUMENT.finditer(script.read_text(encoding="utf-8")) for script in scripts)
    return {match["name"]: match["text"].strip() for matches in found for match in matches}


def _fastapi_routes() -> Iterator[Route]:
    from fastapi.routing import iter_route_contexts  # noqa: PLC0415 - see dump
    from mlflow.server.fastapi_app import app  # noqa: PLC0415 - see dump

    # Routes of included routers are not in `app.routes`; this walks into them.
    for context in iter_route_contexts(app.routes):
        dependant = getattr(context, "dependant", None)
        if dependant is None:
            continue  # the mount of the Flask application
        reads = [f"{kind}:{field.alias.lower()}" for kind, field in _parameters(dependant)]
        for method in sorted(_METHODS & set(context.methods or ())):
            yield Route(str(context.path), method, "fastapi", str(context.name), None, tuple(sorted(reads)))


def _parameters(dependant: Any) -> Iterator[tuple[str, Any]]:
    for kind in ("header", "query", "cookie", "body"):
        for field in getattr(dependant, f"{kind}_params"):
            yield kind, field


def _flask_routes(requests: dict[tuple[str, str], _Descriptor]) -> Iterator[Route]:
    from mlflow.server import app  # noqa: PLC0415 - see dump

    for rule in app.url_map.iter_rules():
        path = _braces(rule.rule)
        function = app.view_functions[rule.endpoint]
        for method in sorted(_METHODS & set(rule.methods or ())):
            request = requests.get((method, rule.rule))
            rpc = request.full_name.removeprefix("mlflow.") if request else rule.endpoint
            yield Route(path, method, "flask", rpc, request and request.full_name, _query_names(function))


def _braces(rule: str) -> str:
    """Flask's `<path:name>` as FastAPI's `{name:path}`."""
    return re.sub(r"<(?:(\w+):)?(\w+)>", lambda found: f"{{{found[2]}{':' + found[1] if found[1] else ''}}}", rule)


def _requests() -> dict[tuple[str, str], _Descriptor]:
    """The protobuf request of each (method, Flask rule) that MLflow makes from its services."""
    from mlflow.protos.databricks_pb2 import rpc  # noqa: PLC0415 - see dump
    from mlflow.protos.mlflow_artifacts_pb2 import MlflowArtifactsService  # noqa: PLC0415 - see dump
    from mlflow.protos.model_registry_pb2 import ModelRegistryService  # noqa: PLC0415 - see dump
    from mlflow.protos.service_pb2 import MlflowService  # noqa: PLC0415 - see dump
    from mlflow.protos.webhooks_pb2 import WebhookService  # noqa: PLC0415 - see dump
    from mlflow.server import handlers  # noqa: PLC0415 - see dump

    services = (MlflowService, ModelRegistryService, MlflowArtifactsService, WebhookService)
    return {
        (endpoint.method, path): method.input_type
        for service in services
        for method in service.DESCRIPTOR.methods
        for endpoint in method.GetOptions().Extensions[rpc].endpoints
        for path in handlers._get_paths(endpoint.path, version=endpoint.since.major)  # noqa: SLF001 - pinned and tested
    }


def _schemas(todo: dict[str, _Descriptor]) -> tuple[dict[str, dict[str, str]], dict[str, list[str]]]:
    messages: dict[str, dict[str, str]] = {}
    enums: dict[str, list[str]] = {}
    while todo:
        name, message = todo.popitem()
        messages[name] = {field.name: _type(field) for field in message.fields}
        for field in message.fields:
            value = _map_value(field) or field
            if value.enum_type:
                enums[value.enum_type.full_name] = [known.name for known in value.enum_type.values]
            elif _is_ours(value.message_type) and value.message_type.full_name not in messages:
                todo[value.message_type.full_name] = value.message_type
    return messages, enums


def _is_ours(message: _Descriptor | None) -> bool:
    """Protobuf's own types (Timestamp, Struct) have a JSON form of their own."""
    return message is not None and not message.full_name.startswith("google.protobuf.")


def _map_value(field: _Descriptor) -> _Descriptor | None:
    message = field.message_type
    return message.fields_by_name["value"] if message and message.GetOptions().map_entry else None


def _type(field: _Descriptor) -> str:
    value = _map_value(field)
    if value is not None:
        return f"{_scalar(value)}{{}}"
    return _scalar(field) + ("[]" if field.is_repeated else "")


def _scalar(field: _Descriptor) -> str:
    named = field.message_type or field.enum_type
    if named is not None:
        return str(named.full_name)
    kinds = {
        getattr(field, name): name.removeprefix("TYPE_").lower() for name in dir(field) if name.startswith("TYPE_")
    }
    return kinds[field.type]


def _query_names(function: Callable[..., object]) -> tuple[str, ...]:
    """Literal names in `….args["name"]` and `….args.get("name")`, here and in the function that this one calls."""
    names: set[str] = set()
    module = vars(sys.modules["mlflow.server.handlers"])
    tree = _tree(function)
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    trees = [tree, *(_tree(module[name]) for name in called if name.endswith("_handler") and name in module)]
    for node in (node for each in trees for node in ast.walk(each)):
        if (name := _literal_argument(node)) is not None:
            names.add(name)
    return tuple(sorted(names))


def _tree(function: Callable[..., object]) -> ast.AST:
    return ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function))))


def _literal_argument(node: ast.AST) -> str | None:
    owner, key = None, None
    if isinstance(node, ast.Subscript):
        owner, key = node.value, node.slice
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get" and node.args:
        owner, key = node.func.value, node.args[0]
    if not isinstance(key, ast.Constant) or not isinstance(key.value, str):
        return None
    return key.value if owner is not None and ast.unparse(owner) in {"args", "request.args"} else None


if __name__ == "__main__":
    main()
