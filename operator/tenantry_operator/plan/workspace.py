"""From a Workspace to its plan."""

from __future__ import annotations

from tenantry_crds.workspace import Workspace
from tenantry_operator.facts import WorkspaceKey, WorkspacePlan
from tenantry_operator.plan.access import plan_access

__all__ = ["plan_workspace"]


def plan_workspace(workspace: Workspace) -> WorkspacePlan:
    return WorkspacePlan(
        key=WorkspaceKey(workspace.name),
        display_name=workspace.spec.display_name or workspace.name,
        access=plan_access(workspace.spec.access),
    )
