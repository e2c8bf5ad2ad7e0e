"""Our two kinds in a Kubernetes API server: installed, asked for, and removed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.support.apiserver import Answer, ApiServer
from tests.support.wait import until

__all__ = ["API", "PROJECTS", "WORKSPACES", "create", "install", "kinds", "merge", "remove"]

API = "/apis/tenantry.dev/v1alpha1"
WORKSPACES = f"{API}/workspaces"
PROJECTS = f"{API}/namespaces/ws-vision/projects"
_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_MANIFESTS = Path(__file__).parents[2] / "crds" / "manifests"
_LISTS = (WORKSPACES, f"{API}/projects")


def kinds(server: ApiServer) -> dict[str, dict[str, Any]]:
    """The definitions as the API server has them, by plural; empty where there is none."""
    asked = {
        plural: server.ask("GET", f"{_DEFINITIONS}/{plural}.tenantry.dev") for plural in ("projects", "workspaces")
    }
    return {plural: answer.body if answer.status == 200 else {} for plural, answer in asked.items()}


def install(server: ApiServer, *, lax: bool = False) -> None:
    """Apply the files that people apply, and wait until both kinds are served. `lax` leaves out what they refuse, as
    an older version did that knew fewer rules.
    """
    for manifest in sorted(_MANIFESTS.glob("*.yaml")):
        written = yaml.safe_load(manifest.read_text())
        definition = _without_rules(written) if lax else written
        made = server.ask("POST", f"{_DEFINITIONS}?fieldValidation=Strict", definition)
        assert made.status == 201, made
    until(lambda: all(server.ask("GET", it).status == 200 for it in _LISTS), deadline=30, what="both kinds")


def _without_rules(node: Any) -> Any:
    if isinstance(node, dict):
        return {name: _without_rules(part) for name, part in node.items() if name != "x-kubernetes-validations"}
    return [_without_rules(part) for part in node] if isinstance(node, list) else node


def remove(server: ApiServer) -> None:
    """Delete both definitions, and all resources with them."""
    for plural in kinds(server):
        server.ask("DELETE", f"{_DEFINITIONS}/{plural}.tenantry.dev")
    until(lambda: not any(kinds(server).values()), deadline=60, what="both definitions to be gone")
    until(lambda: all(server.ask("GET", it).status == 404 for it in _LISTS), deadline=30, what="both kinds to be gone")


def create(server: ApiServer, document: Mapping[str, Any], *, dry: bool = False) -> Answer:
    """As `kubectl create` does, which tells of fields that are not known; with `dry` nothing is kept."""
    namespace = (document.get("metadata") or {}).get("namespace", "default")
    path = WORKSPACES if document["kind"] == "Workspace" else f"{API}/namespaces/{namespace}/projects"
    return server.ask("POST", f"{path}?fieldValidation=Strict" + ("&dryRun=All" if dry else ""), document)


def merge(server: ApiServer, path: str, change: object) -> Answer:
    """As `kubectl patch --type merge` does."""
    return server.ask("PATCH", path, change, content_type="application/merge-patch+json")
