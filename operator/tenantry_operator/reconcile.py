"""The operator's whole story: observe → plan → apply → publish → status.

Whoever calls (a changed manifest, a timer, a server that ended, a start), it is this: look at everything about one key,
and bring it to what its manifest says. Killed anywhere, the next call goes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import structlog

from tenantry_crds.meta import Condition
from tenantry_operator.errors import ProvisionFailed
from tenantry_operator.facts import (
    ArtifactPlan,
    Installation,
    Key,
    ProjectKey,
    ProjectPlan,
    WorkspaceKey,
    WorkspacePlan,
)
from tenantry_operator.observe import Applied, Observer
from tenantry_operator.plan.project import plan_project
from tenantry_operator.plan.server import plan_server
from tenantry_operator.plan.workspace import plan_workspace
from tenantry_operator.provision import Databases
from tenantry_operator.publish import Catalog, Judge
from tenantry_operator.removal import Removal
from tenantry_operator.runtime import Runtime
from tenantry_operator.servers import Offer, Servers
from tenantry_operator.sources import Source
from tenantry_operator.status import conditions_of, orphaned

__all__ = ["Reconciler"]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Reconciler:
    """One call at a time for one key; calls for different keys run side by side."""

    source: Source
    installation: Installation
    databases: Databases
    runtime: Runtime
    servers: Servers
    observer: Observer
    catalog: Catalog
    removal: Removal

    def reconcile(self, key: Key) -> bool:
        """Return whether all is well; if not, call again later."""
        return self._workspace(key) if isinstance(key, WorkspaceKey) else self._project(key)

    def _workspace(self, key: WorkspaceKey) -> bool:
        declared = self.source.workspace(key)
        if declared is None or declared.removed:
            return self.removal.workspace(key, declared)
        self.catalog.publish_workspace(plan_workspace(declared.resource))
        return True

    def _project(self, key: ProjectKey) -> bool:
        declared = self.source.project(key)
        if declared is None or declared.removed:
            return self.removal.project(key, declared)
        workspace = self.source.workspace(WorkspaceKey(key.workspace))
        if workspace is None or workspace.removed:
            return self._orphan(key)
        plan = plan_project(declared.resource, workspace.resource, self.installation)
        applied = self._apply(plan)
        observed = self.observer.observe(plan, applied, self.catalog.project(key))
        judge = partial(conditions_of, plan, observed, problem=declared.problem)
        self._publish(plan_workspace(workspace.resource), plan, judge)
        return observed.well or plan.fenced or plan.paused

    def _apply(self, plan: ProjectPlan) -> Applied:
        """What goes wrong with one thing keeps no other from being made, and becomes a condition of its own."""
        applied = self._adopt(plan) if plan.paused else self._ensure(plan)
        if plan.fenced:
            self.servers.withdraw(plan.key)
        elif applied.address and not applied.storage_problem:
            self.servers.offer(Offer(plan_server(plan, applied.address), plan.idle_after))
        return applied

    def _adopt(self, plan: ProjectPlan) -> Applied:
        return Applied(self.databases.address(plan.database))

    def _ensure(self, plan: ProjectPlan) -> Applied:
        address, problem = self.databases.address(plan.database), ""
        try:
            address = self.databases.ensure(plan.database)
        except ProvisionFailed as error:
            problem = str(error)
        return Applied(address, problem, self._ensure_artifacts(plan.artifacts))

    def _ensure_artifacts(self, plan: ArtifactPlan) -> str:
        try:
            self.runtime.ensure_artifacts(plan)
        except OSError as error:
            return f"the artifact directory {plan.directory} cannot be made: {error.strerror}"
        return ""

    def _publish(self, workspace: WorkspacePlan, plan: ProjectPlan, judge: Judge) -> None:
        if plan.paused:
            # Whoever fences a project means now, paused or not.
            self.catalog.publish_fence(plan.key, fenced=plan.fenced)
            _report(plan.key, self.catalog.publish_conditions(plan.key, judge))
        else:
            _report(plan.key, self.catalog.publish_project(workspace, plan, judge))

    def _orphan(self, key: ProjectKey) -> bool:
        """Its workspace is not declared: the door refuses it, and nothing is made or taken away."""
        published = self.catalog.project(key)
        if published:
            conditions = orphaned(published.conditions, key.workspace)
            _report(key, self.catalog.publish_conditions(key, lambda _: conditions))
        return True


def _report(key: ProjectKey, news: tuple[Condition, ...]) -> None:
    for condition in news:
        log.info(
            "condition",
            project=str(key),
            type=condition.type.value,
            status=condition.status.value,
            reason=condition.reason,
            message=condition.message,
        )
