"""From the pydantic models to the CustomResourceDefinitions that Kubernetes takes. Pure.

Kubernetes wants a *structural* schema: every node typed and in place (no `$ref`), no `anyOf` with null, and nothing
that closes an object (unknown fields are pruned or warned about). Bounds on every text and list keep the cost of the
CEL rules estimable.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tenantry_crds.meta import GROUP, NAME_RULES, VERSION
from tenantry_crds.project import Project
from tenantry_crds.rules import RULES_KEY
from tenantry_crds.workspace import Workspace

__all__ = ["Schema", "definitions", "structural"]

Schema = dict[str, Any]

# What pydantic writes and a structural schema may not hold, or what is written anew below.
_LEFT_OUT: Final = frozenset({"$defs", "$ref", "additionalProperties", "anyOf", "const", "default", "items", "title"})

_READY: Final = '.status.conditions[?(@.type=="Ready")]'
_COLUMNS: Final = {
    "Age": ("date", ".metadata.creationTimestamp"),
    "Phase": ("string", ".status.phase"),
    "Projects": ("integer", ".status.projects"),
    "Ready": ("string", f"{_READY}.status"),
    "URL": ("string", ".status.url"),
    "Version": ("string", ".status.version"),
}


def definitions() -> dict[str, Schema]:
    """Return both CustomResourceDefinitions, by the plural that names their file."""
    return {
        "workspaces": _definition(Workspace, "Cluster", "ws", ("Ready", "Phase", "Projects", "Age")),
        "projects": _definition(Project, "Namespaced", "proj", ("Ready", "Phase", "Version", "URL", "Age")),
    }


def _definition(model: type[Workspace | Project], scope: str, short_name: str, columns: tuple[str, ...]) -> Schema:
    singular = model.__name__.lower()
    names = {
        "kind": model.__name__,
        "listKind": f"{model.__name__}List",
        "plural": f"{singular}s",
        "singular": singular,
        "shortNames": [short_name],
        "categories": ["tenantry"],
    }
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [_column(name) for name in columns],
        "schema": {"openAPIV3Schema": _root(model)},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{singular}s.{GROUP}"},
        "spec": {"group": GROUP, "names": names, "scope": scope, "versions": [version]},
    }


def _column(name: str) -> Schema:
    kind, path = _COLUMNS[name]
    return {"name": name, "type": kind, "jsonPath": path}


def _root(model: type[Workspace | Project]) -> Schema:
    """Return the schema of a kind. Its metadata is Kubernetes' own; rules on the name can only stand at the root."""
    written = model.model_json_schema(by_alias=True)
    root = structural(written, written["$defs"])
    properties = root["properties"]
    properties["apiVersion"] = {"type": "string", "description": f"{GROUP}/ and the version of these fields."}
    properties["kind"] = {"type": "string", "description": f"The word {model.__name__}."}
    properties["metadata"] = {"type": "object"}
    # Kubernetes asks for metadata itself; an empty list of required fields would read as an oversight.
    if required := [name for name in root.pop("required") if name != "metadata"]:
        root["required"] = required
    root[RULES_KEY] = [rule.as_cel_at("metadata.name") for rule in NAME_RULES]
    return root


def structural(node: Schema, known: Mapping[str, Schema]) -> Schema:
    """Return the schema with references put in place (from `known`), without null, defaults kept where they say
    something.
    """
    node = _in_place(node, known)
    written = {key: value for key, value in node.items() if key not in _LEFT_OUT}
    if "const" in node:
        written["enum"] = [node["const"]]
    if "description" in node:
        written["description"] = " ".join(node["description"].split())
    if "properties" in node:
        written["properties"] = {name: structural(field, known) for name, field in node["properties"].items()}
    if isinstance(node.get("additionalProperties"), Mapping):
        written["additionalProperties"] = structural(node["additionalProperties"], known)
    if "items" in node:
        written["items"] = structural(node["items"], known)
    return written | _default(node)


def _in_place(node: Schema, known: Mapping[str, Schema]) -> Schema:
    """Follow the reference, and the one choice beside null; what stands beside them is said last, and wins."""
    beside = {key: value for key, value in node.items() if key not in {"$ref", "anyOf"}}
    if "$ref" in node:
        return _in_place(known[node["$ref"].rpartition("/")[2]], known) | beside
    if "anyOf" in node:
        (chosen,) = (choice for choice in node["anyOf"] if choice.get("type") != "null")
        return _in_place(chosen, known) | beside
    return node


def _default(node: Schema) -> Schema:
    """Return the default, if it says anything. An object's is `{}`: its own fields then bring theirs."""
    default = node.get("default")
    if isinstance(default, Mapping):
        return {"default": {}}
    return {"default": default} if default or default is False else {}
