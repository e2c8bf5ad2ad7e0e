"""The Kubernetes objects of each plan, as the API server gets them. Pure; `docs/objects.yaml` lists them all."""

from __future__ import annotations

from tenantry_operator.plan.objects.backend import backend_objects
from tenantry_operator.plan.objects.metadata import Manifest
from tenantry_operator.plan.objects.workspace import workspace_objects

__all__ = ["Manifest", "backend_objects", "workspace_objects"]
