"""The kinds of objects that are read or written on a cluster, and where the API server has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from tenantry_crds.meta import API_VERSION

__all__ = ["CHILDREN", "KINDS", "Kind", "Ref", "path_of", "ref_of"]


class Kind(NamedTuple):
    """One kind, as its address spells it."""

    api_version: str
    plural: str
    namespaced: bool = True


KINDS: Final[Mapping[str, Kind]] = {
    "CustomResourceDefinition": Kind("apiextensions.k8s.io/v1", "customresourcedefinitions", namespaced=False),
    "Deployment": Kind("apps/v1", "deployments"),
    "Event": Kind("v1", "events"),
    "Job": Kind("batch/v1", "jobs"),
    "Lease": Kind("coordination.k8s.io/v1", "leases"),
    "LimitRange": Kind("v1", "limitranges"),
    "Namespace": Kind("v1", "namespaces", namespaced=False),
    "NetworkPolicy": Kind("networking.k8s.io/v1", "networkpolicies"),
    "Pod": Kind("v1", "pods"),
    "Project": Kind(API_VERSION, "projects"),
    "ResourceQuota": Kind("v1", "resourcequotas"),
    "RoleBinding": Kind("rbac.authorization.k8s.io/v1", "rolebindings"),
    "Secret": Kind("v1", "secrets"),
    "Service": Kind("v1", "services"),
    "ServiceAccount": Kind("v1", "serviceaccounts"),
    "Workspace": Kind(API_VERSION, "workspaces", namespaced=False),
}

# What plans are made of, and what is therefore watched. Namespaces first: the rest is in them.
CHILDREN: Final = (
    "Namespace",
    "NetworkPolicy",
    "LimitRange",
    "ResourceQuota",
    "RoleBinding",
    "ServiceAccount",
    "Secret",
    "Service",
    "Deployment",
)


class Ref(NamedTuple):
    """One object. The namespace is empty where the kind has none."""

    kind: str
    namespace: str
    name: str


def ref_of(kind: str, document: Mapping[str, Any]) -> Ref:
    """Return what an object is found by; in a list, the API server leaves out each object's own kind."""
    metadata = document["metadata"]
    return Ref(kind, metadata.get("namespace", ""), metadata["name"])


def path_of(kind: str, namespace: str = "", name: str = "", subresource: str = "") -> str:
    """Return the address of an object, or without a name of all; without a namespace those of all namespaces."""
    found = KINDS[kind]
    parts = ["api" if "/" not in found.api_version else "apis", found.api_version]
    if namespace:
        parts += ["namespaces", namespace]
    parts += [found.plural, *(part for part in (name, subresource) if part)]
    return "/" + "/".join(parts)
