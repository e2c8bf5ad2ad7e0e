"""How things outside of Tenantry say whose they are."""

from __future__ import annotations

from tenantry_crds.meta import GROUP
from tenantry_operator.facts import ProjectKey

__all__ = ["agrees", "project_label", "template_label", "unsigned", "workspace_label"]


def project_label(key: ProjectKey, identity: str) -> str:
    """`identity` is the installation's: others, on the same servers, have projects of the same names."""
    return f"{GROUP}/project: {key}" + (f"@{identity}" if identity else "")


def unsigned(label: str) -> str:
    """Return the label without the installation. No name holds an at sign."""
    return label.partition("@")[0]


def agrees(found: str | None, label: str) -> bool:
    """One that names no installation is a person's, or of a time when none did: it is for whoever comes first."""
    return found in {label, unsigned(label)}


def workspace_label(label: str) -> str:
    """Return the label of a project's workspace: the same without the project."""
    project, at, identity = label.partition("@")
    return project.rpartition("/")[0] + at + identity


def template_label(mlflow_version: str) -> str:
    return f"{GROUP}/template: {mlflow_version}"
