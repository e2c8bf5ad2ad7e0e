"""Names and labels of what is made on a cluster."""

from __future__ import annotations

from typing import Any, Final

from tenantry_crds.meta import GROUP, NAMESPACE_PREFIX
from tenantry_operator.facts import Key, ProjectKey, Site

__all__ = [
    "BACKEND_PREFIX",
    "COMPONENT",
    "INSTALLATION",
    "MANAGER",
    "OF_THE_INSTALLATION",
    "PROJECT",
    "WORKSPACE",
    "Manifest",
    "backend_name",
    "common_labels",
    "labels",
    "manifest",
    "namespace",
    "selector",
]

# An object as JSON has it.
Manifest = dict[str, Any]

BACKEND_PREFIX: Final = "mlflow-"
MANAGER: Final = "tenantry-operator"
COMPONENT: Final = "app.kubernetes.io/component"
INSTALLATION: Final = f"{GROUP}/installation"
WORKSPACE: Final = f"{GROUP}/workspace"
PROJECT: Final = f"{GROUP}/project"
# The label of the chart's own pods that says which installation they are of.
OF_THE_INSTALLATION: Final = "app.kubernetes.io/instance"


def namespace(key: Key) -> str:
    """Return the namespace of a workspace, or of a project's workspace."""
    return NAMESPACE_PREFIX + key.workspace


def backend_name(key: ProjectKey) -> str:
    """Return the one name of all that a project has in its namespace; at most 47 characters."""
    return BACKEND_PREFIX + key.project


def common_labels(component: str, site: Site) -> dict[str, str]:
    """Return what everything of this installation carries that its operator made."""
    return {
        "app.kubernetes.io/managed-by": MANAGER,
        "app.kubernetes.io/name": "tenantry",
        COMPONENT: component,
        INSTALLATION: site.installation,
    }


def labels(key: Key, site: Site) -> dict[str, str]:
    """Return what says whose an object is, to people and to selectors."""
    common = common_labels("backend" if isinstance(key, ProjectKey) else "workspace", site)
    return common | {WORKSPACE: key.workspace} | ({PROJECT: key.project} if isinstance(key, ProjectKey) else {})


def selector(key: ProjectKey) -> dict[str, str]:
    """Return the labels that find a project's pods in its namespace; a Deployment's may never change."""
    return {COMPONENT: "backend", PROJECT: key.project}


def manifest(api_version: str, kind: str, name: str, key: Key, site: Site, **fields: Any) -> Manifest:
    """Return an object of a workspace's namespace, or of none (`Namespace`)."""
    metadata: Manifest = {"name": name, "labels": labels(key, site)}
    if kind != "Namespace":
        metadata["namespace"] = namespace(key)
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}
