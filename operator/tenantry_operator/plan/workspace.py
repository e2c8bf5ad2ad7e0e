"""From a Workspace to its plan."""

from __future__ import annotations

from tenantry_crds.meta import Quantity
from tenantry_crds.workspace import Workspace
from tenantry_operator.facts import WorkspaceKey, WorkspacePlan
from tenantry_operator.plan.access import plan_access

__all__ = ["plan_workspace"]


def plan_workspace(workspace: Workspace) -> WorkspacePlan:
    quota = workspace.spec.quota
    return WorkspacePlan(
        key=WorkspaceKey(workspace.name),
        generation=workspace.metadata.generation,
        display_name=workspace.spec.display_name or workspace.name,
        access=plan_access(workspace.spec.access),
        cpu=_text(quota.cpu),
        memory=_text(quota.memory),
        projects=quota.projects,
    )


def _text(quantity: Quantity | None) -> str | None:
    return None if quantity is None else str(quantity)
