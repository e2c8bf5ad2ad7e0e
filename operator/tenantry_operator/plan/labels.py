"""How things outside of Tenantry say whose they are."""

from __future__ import annotations

from tenantry_crds.meta import GROUP
from tenantry_operator.facts import ProjectKey

__all__ = ["project_label", "template_label"]


def project_label(key: ProjectKey) -> str:
    return f"{GROUP}/project: {key}"


def template_label(mlflow_version: str) -> str:
    return f"{GROUP}/template: {mlflow_version}"
