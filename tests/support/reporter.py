"""A cluster's custom resources in memory: what a source reads and writes of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from tenantry_crds.meta import Condition
from tenantry_operator.sources.resources import Resource

__all__ = ["MemoryReporter"]


class MemoryReporter:
    """Fulfils `Reporter`. Each write makes a newer version, as the API server does."""

    def __init__(self) -> None:
        self.documents: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.writes = 0

    def put(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Somebody writes it; return it as it is stored."""
        metadata = document["metadata"]
        identity = document["kind"], metadata.get("namespace", ""), metadata["name"]
        before = self.documents.get(identity, {"metadata": {"resourceVersion": "0"}})["metadata"]["resourceVersion"]
        stored = {**document, "metadata": {"uid": "first", **metadata, "resourceVersion": str(int(before) + 1)}}
        self.documents[identity] = stored
        return stored

    def all(self, kind: str, namespaces: Collection[str]) -> tuple[int, list[dict[str, Any]]]:
        found = [document for (which, namespace, _), document in self.documents.items() if which == kind]
        listed = [one for one in found if not namespaces or one["metadata"].get("namespace", "") in {"", *namespaces}]
        return 10**9, listed

    def versions(self, kind: str, namespaces: Collection[str]) -> dict[tuple[str, str], int]:
        found = (document["metadata"] for document in self.all(kind, namespaces)[1])
        return {(one.get("namespace", ""), one["name"]): int(one["resourceVersion"]) for one in found}

    def write_status(self, resource: Resource, status: Mapping[str, Any]) -> dict[str, Any]:
        self.writes += 1
        found = self._of(resource)
        return self.put({**found, "status": {**found.get("status", {}), **status}})

    def write_finalizers(self, resource: Resource, finalizers: list[str]) -> dict[str, Any]:
        self.writes += 1
        found = self._of(resource)
        return self.put({**found, "metadata": {**found["metadata"], "finalizers": finalizers}})

    def is_going(self, kind: str) -> bool:  # noqa: ARG002
        return False

    def announce(self, resource: Resource, condition: Condition) -> None:
        """Nobody listens."""

    def _of(self, resource: Resource) -> dict[str, Any]:
        return self.documents[resource.kind, resource.namespace, resource.name]
