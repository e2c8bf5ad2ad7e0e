"""What the operator writes about the custom resources themselves: status, finalizer, events."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from tenantry_crds.meta import API_VERSION, GROUP, Condition, ConditionStatus
from tenantry_operator.plan.objects.metadata import MANAGER
from tenantry_operator.runtime.kubernetes.client import Client, Document
from tenantry_operator.runtime.kubernetes.kinds import KINDS, Ref
from tenantry_operator.sources.resources import Resource

__all__ = ["Resources"]


class Resources:
    """Thread-safe. Each call is one write; whether it is needed, the source knows."""

    def __init__(self, client: Client, namespace: str) -> None:
        self._client, self._namespace = client, namespace

    def pages(self, kind: str, namespaces: Collection[str]) -> Iterator[tuple[int, list[Document]]]:
        """Return a list page by page, each with its version: a thousand projects at once take 40 MB. With listed
        namespaces there is no right to see those of others.
        """
        for place in namespaces if namespaces and KINDS[kind].namespaced else ("",):
            for version, documents in self._client.pages(kind, place):
                yield int(version), documents

    def versions(self, kind: str, namespaces: Collection[str]) -> dict[tuple[str, str], int]:
        pages = self.pages(kind, namespaces)
        found = (document["metadata"] for _, documents in pages for document in documents)
        return {(one.get("namespace", ""), one["name"]): int(one["resourceVersion"]) for one in found}

    def write_status(self, resource: Resource, status: Mapping[str, Any]) -> Document:
        return self._client.merge(_ref(resource), {"status": status}, "status")

    def write_finalizers(self, resource: Resource, finalizers: list[str]) -> Document:
        """A list is replaced as a whole, so only on the version that was read."""
        metadata = {"finalizers": finalizers, "resourceVersion": str(resource.version)}
        return self._client.merge(_ref(resource), {"metadata": metadata})

    def is_going(self, kind: str) -> bool:
        """Say whether the kind itself is being removed from the cluster: then nobody asked for any one resource."""
        found = self._client.get(Ref("CustomResourceDefinition", "", f"{KINDS[kind].plural}.{GROUP}"))
        return found is None or "deletionTimestamp" in found["metadata"]

    def announce(self, resource: Resource, condition: Condition) -> None:
        """Make an Event: `kubectl describe` shows it beside the resource."""
        ref = _ref(resource)
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        # Events of what is in no namespace are kept in the operator's own.
        namespace = ref.namespace or self._namespace
        involved = {
            "apiVersion": API_VERSION,
            "kind": ref.kind,
            "name": ref.name,
            "namespace": ref.namespace,
            "uid": resource.uid,
        }
        self._client.create(
            {
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": {"generateName": f"{ref.name}.", "namespace": namespace},
                "type": "Normal" if condition.status is ConditionStatus.TRUE else "Warning",
                "reason": condition.reason,
                "message": f"{condition.type}: {condition.message}"[:1024],
                "involvedObject": involved,
                "source": {"component": MANAGER},
                "reportingComponent": MANAGER,
                "firstTimestamp": now,
                "lastTimestamp": now,
                "count": 1,
            }
        )


def _ref(resource: Resource) -> Ref:
    return Ref(resource.kind, resource.namespace, resource.name)
