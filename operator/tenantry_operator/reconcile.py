"""The operator's whole story: observe → plan → apply → publish → status.

Whoever calls (a changed manifest, a timer, a server that ended, a start), it is this: look at everything about one key,
and bring it to what its manifest says. Killed anywhere, the next call goes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import structlog
from sqlalchemy.exc import SQLAlchemyError

from tenantry_crds.meta import Condition, ConditionType, DeletionPolicy, Phase, Status
from tenantry_crds.project import Project
from tenantry_crds.workspace import Workspace
from tenantry_operator.errors import ProvisionFailed
from tenantry_operator.facts import (
    STARTING,
    Installation,
    Key,
    Observed,
    Probe,
    ProjectKey,
    ProjectPlan,
    WorkspaceKey,
    WorkspacePlan,
)
from tenantry_operator.observe import Applied, Observer
from tenantry_operator.outage import catalog_trouble
from tenantry_operator.outcome import Outcome
from tenantry_operator.plan.project import plan_project
from tenantry_operator.plan.server import plan_server
from tenantry_operator.plan.workspace import plan_workspace
from tenantry_operator.provision import Artifacts, Databases
from tenantry_operator.publish import Catalog, Judge, Published
from tenantry_operator.removal import WAY_OUT, Removal
from tenantry_operator.rotation import Rotation
from tenantry_operator.runtime import Runtime, ServerFailed, ServerStarting, Stopped, WorkspaceRefused, WorkspaceWaiting
from tenantry_operator.servers import Offer, Servers
from tenantry_operator.sources import Declared, Patience, Source, Unreadable
from tenantry_operator.status import (
    conditions_of,
    orphaned,
    project_status,
    refused,
    terminating,
    unreadable,
    workspace_status,
)
from tenantry_operator.trust import Trust

__all__ = ["Reconciler"]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Reconciler:
    """One call at a time for one key; calls for different keys run side by side."""

    source: Source
    installation: Installation
    databases: Databases
    artifacts: Artifacts
    runtime: Runtime
    servers: Servers
    observer: Observer
    catalog: Catalog
    removal: Removal
    trust: Trust
    rotation: Rotation
    # What people type before `/w/<workspace>/p/<project>`.
    public_url: str = ""

    def reconcile(self, key: Key) -> Outcome:
        """Raises what PostgreSQL says of the catalog, after it was reported: whoever called tries again."""
        try:
            return self._reconcile(key)
        except SQLAlchemyError as error:
            self.source.report_ready(key, catalog_trouble(error), Phase.UNKNOWN)
            raise

    def _reconcile(self, key: Key) -> Outcome:
        try:
            return self._workspace(key) if isinstance(key, WorkspaceKey) else self._project(key)
        except Unreadable as problem:
            return self._leave_alone(key, str(problem))

    def _leave_alone(self, key: Key, problem: str) -> Outcome:
        """Nobody knows what is wanted: whatever was made before it became unreadable stays as it is."""
        if self._is_published(key):
            self.source.report_ready(key, unreadable(problem), Phase.UNKNOWN)
        else:
            self.source.report_ready(key, refused(problem), Phase.FAILED)
        return Outcome.WELL

    def _is_published(self, key: Key) -> bool:
        if isinstance(key, WorkspaceKey):
            return key in self.catalog.workspaces()
        published = self.catalog.project(key)
        return published is not None and not published.retired

    def _workspace(self, key: WorkspaceKey) -> Outcome:
        try:
            declared = self.source.workspace(key)
        except Patience as wait:
            self.source.report_workspace(key, terminating(str(wait)))
            return Outcome.WAITING
        if declared is None or declared.removed:
            return self.removal.workspace(key, declared, self._projects_of(key))
        plan = plan_workspace(declared.resource)
        self.source.protect(key, wanted=declared.resource.spec.deletion_policy is DeletionPolicy.DELETE)
        self.catalog.publish_workspace(plan)
        refusal = self._surround(plan)
        projects = len(self._projects_of(key))
        self.source.report_workspace(key, workspace_status(plan, projects, refusal, declared.problem))
        return Outcome.WAITING if isinstance(refusal, WorkspaceWaiting) else _outcome(refusal is None)

    def _projects_of(self, key: WorkspaceKey) -> tuple[str, ...]:
        others = self.source.declared()
        return tuple(one.project for one in others if isinstance(one, ProjectKey) and one.workspace == key.workspace)

    def _surround(self, plan: WorkspacePlan) -> WorkspaceRefused | None:
        try:
            self.runtime.ensure_workspace(plan)
        except WorkspaceRefused as refusal:
            return refusal
        return None

    def _project(self, key: ProjectKey) -> Outcome:
        try:
            declared = self.source.project(key)
            if declared is None or declared.removed:
                return self._end_project(key, declared)
        except Patience as wait:
            self.source.report_project(key, terminating(str(wait)))
            return Outcome.WAITING
        except ProvisionFailed as obstacle:
            self.source.report_project(key, terminating(f"{obstacle}; {WAY_OUT}"))
            return Outcome.TROUBLE
        workspace = self._workspace_of(key)
        if workspace is None:
            return self._orphan(key, declared.resource.metadata.generation)
        plan = plan_project(declared.resource, workspace.resource, self.catalog.identify(self.installation))
        self.source.protect(key, wanted=declared.resource.spec.deletion_policy is not DeletionPolicy.RETAIN)
        published = self.catalog.project(key)
        observed = self._bring_about(plan, published)
        judge = partial(conditions_of, plan, observed, problem=declared.problem)
        stored, is_new = observed.storage.ok, published is None
        self._publish(plan_workspace(workspace.resource), plan, judge, stored=stored, is_new=is_new)
        self.rotation.note(plan)
        return _judged(plan, observed, rotates=self.rotation.is_under_way(plan))

    def _workspace_of(self, key: ProjectKey) -> Declared[Workspace] | None:
        """Return none that is deleted: it will not come back, whatever becomes of its data."""
        workspace = WorkspaceKey(key.workspace)
        try:
            found = self.source.workspace(workspace)
        except Patience:
            return None
        except Unreadable as problem:
            raise Unreadable(f"its Workspace {key.workspace} cannot be read: {problem}") from problem
        if found is None or found.removed:
            # A pass that was under way when it went may have published it once more.
            self.catalog.retire_workspace(workspace)
            return None
        return found

    def _end_project(self, key: ProjectKey, declared: Declared[Project] | None) -> Outcome:
        self.trust.forget(key)
        self.rotation.forget(key)
        published = self.catalog.project(key)
        if declared and published and not published.retired:
            policy = declared.resource.spec.deletion_policy
            words = f"deletionPolicy {policy}: its backend ends, then follows what becomes of its data"
            self.source.report_project(key, terminating(words))
        return _outcome(self.removal.project(key, declared))

    def _bring_about(self, plan: ProjectPlan, published: Published | None) -> Observed:
        """Apply the plan and look what came of it; what was found well a moment ago is not asked again."""
        due = self.rotation.is_due(plan) and not plan.paused
        known = None if due else self.trust.recall(plan, published)
        applied = self._apply(plan, again=known is None)
        if known and known.well and not applied.server_problem and not self.servers.has_failed(plan.key):
            return known
        observed = self.observer.observe(plan, applied, published, known)
        self.trust.settle(plan, observed)
        return observed

    def _apply(self, plan: ProjectPlan, *, again: bool) -> Applied:
        """What goes wrong with one thing keeps no other from being made, and becomes a condition of its own."""
        applied = self._ensure(plan) if again and not plan.paused else self._adopt(plan)
        if plan.fenced:
            self.servers.withdraw(plan.key)
            self._retire(plan)
        elif applied.address and not applied.storage_problem and not plan.paused:
            return self._offer(plan, applied)
        return applied

    def _offer(self, plan: ProjectPlan, applied: Applied) -> Applied:
        assert applied.address
        try:
            self.servers.offer(Offer(plan_server(plan, applied.address, applied.key), plan.idle_after))
        except ServerStarting as wait:
            return applied.with_server_problem(Probe(False, STARTING, str(wait)))
        except ServerFailed as error:
            return applied.with_server_problem(Probe(False, "NotApplied", str(error)))
        self._retire(plan)
        return applied

    def _retire(self, plan: ProjectPlan) -> None:
        if not plan.paused:
            self.rotation.retire(plan)

    def _adopt(self, plan: ProjectPlan) -> Applied:
        return Applied(self.databases.address(plan.database), self.artifacts.key(plan.artifacts))

    def _ensure(self, plan: ProjectPlan) -> Applied:
        found, database_problem, storage_problem = self._adopt(plan), "", ""
        address, key = found.address, found.key
        try:
            address = self.databases.ensure(plan.database)
        except ProvisionFailed as error:
            database_problem = str(error)
        try:
            self.catalog.admit(plan.key, plan.artifacts)
            key = self.artifacts.ensure(plan.artifacts)
        except ProvisionFailed as error:
            storage_problem = str(error)
        if database_problem or storage_problem:
            return Applied(address, key, database_problem, storage_problem)
        self.rotation.turn(plan)
        return self._adopt(plan)

    def _publish(
        self, workspace: WorkspacePlan, plan: ProjectPlan, judge: Judge, *, stored: bool, is_new: bool
    ) -> None:
        if plan.paused:
            # Whoever fences a project means now, paused or not.
            self.catalog.publish_fence(plan.key, fenced=plan.fenced)
            news = self.catalog.publish_conditions(plan.key, judge)
        else:
            news = self.catalog.publish_project(workspace, plan, judge, stored=stored)
        self._tell(plan.key, news, is_new=is_new)
        if is_new:
            # Its server may run already: until now the door had no row to be told in.
            self.servers.attend(plan.key)
        if published := self.catalog.project(plan.key):
            status = project_status(
                plan,
                published.conditions,
                self.rotation.made_at(plan),
                artifacts=published.artifacts,
                asleep=isinstance(self.runtime.state(plan.key), Stopped),
                public_url=self.public_url,
            )
            self.source.report_project(plan.key, status)

    def _orphan(self, key: ProjectKey, generation: int) -> Outcome:
        """Its workspace is not declared: the door refuses it, and nothing is made or taken away."""
        published = self.catalog.project(key)
        conditions = orphaned(published.conditions if published else (), key.workspace, generation)
        if published:
            self._tell(key, self.catalog.publish_conditions(key, lambda _: conditions))
        status = Status(phase=Phase.FAILED, observed_generation=generation, conditions=conditions)
        self.source.report_project(key, status)
        return Outcome.WELL

    def _tell(self, key: ProjectKey, news: tuple[Condition, ...], *, is_new: bool = False) -> None:
        for condition in news:
            # Of a project that is new, one event says it all.
            if condition.type is ConditionType.READY or not is_new:
                self.source.announce(key, condition)
            log.info(
                "condition",
                project=str(key),
                type=condition.type.value,
                status=condition.status.value,
                reason=condition.reason,
                message=condition.message,
            )


def _outcome(done: bool) -> Outcome:  # noqa: FBT001  an answer
    return Outcome.WELL if done else Outcome.TROUBLE


def _judged(plan: ProjectPlan, observed: Observed, *, rotates: bool) -> Outcome:
    if plan.paused:
        return Outcome.WELL
    if observed.well or plan.fenced:
        return Outcome.WAITING if rotates else Outcome.WELL
    return Outcome.WAITING if observed.starts else Outcome.TROUBLE
