"""What follows when a manifest is gone. Nothing is taken from anybody whose deletionPolicy is not Delete.

The door is told first, the data goes last, and the source forgets when all is done: killed in between, it is done
again.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog

from tenantry_crds.meta import DeletionPolicy
from tenantry_crds.project import Project, ProjectSpec
from tenantry_crds.workspace import Workspace
from tenantry_operator.facts import ArtifactPlan, BucketPlan, Installation, ProjectKey, WorkspaceKey
from tenantry_operator.observe import Observer
from tenantry_operator.outcome import Outcome
from tenantry_operator.places import shared, stay
from tenantry_operator.plan.artifacts import plan_artifacts
from tenantry_operator.plan.database import plan_database
from tenantry_operator.provision import Artifacts, Databases
from tenantry_operator.provision.archive import Archive, ArchiveSource
from tenantry_operator.publish import Catalog
from tenantry_operator.runtime import Runtime
from tenantry_operator.servers import Servers
from tenantry_operator.sources import Declared, Source
from tenantry_operator.status import retired, terminating

__all__ = ["WAY_OUT", "Removal"]

WAY_OUT: Final = "deletionPolicy Retain, written now, ends the wait and keeps the data"
# Names in one message.
_SHOWN: Final = 5

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Removal:
    """Called for what is not declared; `declared` is what it last was, None when even that is not known."""

    source: Source
    installation: Installation
    databases: Databases
    artifacts: Artifacts
    runtime: Runtime
    servers: Servers
    observer: Observer
    catalog: Catalog
    archive: Archive | None = None

    def project(self, key: ProjectKey, declared: Declared[Project] | None) -> bool:
        policy = declared.resource.spec.deletion_policy if declared else DeletionPolicy.RETAIN
        # In this order: who is let in after the server has stopped would wait for one that never starts.
        self._retire(key, policy)
        self.servers.withdraw(key)
        self.runtime.dismantle(key)
        self.observer.forget(key)
        if policy is not DeletionPolicy.RETAIN and declared:
            if not self.runtime.is_settled(key):
                return False
            if self._archived(key, declared):
                self._delete(key, declared.resource)
        self.source.release(key)
        return True

    def workspace(self, key: WorkspaceKey, declared: Declared[Workspace] | None, projects: Collection[str]) -> Outcome:
        """`projects` are those of it that are declared: they run on, and what confines them stays until they are gone.
        One that is to be deleted waits for them.
        """
        deletes = declared is not None and declared.resource.spec.deletion_policy is DeletionPolicy.DELETE
        self.catalog.retire_workspace(key)
        if not deletes:
            self.source.release(key)
        if projects:
            self._wait(key, f"projects of it are there: {_some(projects)}: delete them")
            return Outcome.WAITING
        if not self.runtime.remove_workspace(key):
            self._wait(key, "backends of its projects end")
            return Outcome.TROUBLE
        return self._delete_workspace(key) if deletes else Outcome.WELL

    def _delete_workspace(self, key: WorkspaceKey) -> Outcome:
        if not self.catalog.delete_workspace(key):
            self._wait(
                key, "data of its projects is kept: declare them again, and delete them with deletionPolicy Delete"
            )
            return Outcome.WAITING
        log.info("workspace deleted", workspace=str(key))
        self.source.release(key)
        return Outcome.WELL

    def _wait(self, key: WorkspaceKey, obstacle: str) -> None:
        self.source.report_workspace(key, terminating(f"{obstacle}; {WAY_OUT}"))

    def _retire(self, key: ProjectKey, policy: DeletionPolicy) -> None:
        published = self.catalog.project(key)
        if published and not published.retired:
            conditions = retired(published.conditions, policy)
            self.catalog.retire_project(key, lambda _: conditions)
            log.info("project retired", project=str(key), deletion_policy=policy.value)

    def _archived(self, key: ProjectKey, declared: Declared[Project]) -> bool:
        """Say whether nothing stands in the way of deleting: nobody wants the data, or it is archived and checked."""
        spec = declared.resource.spec
        if spec.deletion_policy is DeletionPolicy.DELETE:
            return True
        archive, at = self.archive, declared.removed_at
        if not (archive and at):
            return False
        # Killed while what is archived was deleted, there may be nothing left that says whose it was.
        return archive.whole(key, at) or self._archive(key, spec, archive, at)

    def _archive(self, key: ProjectKey, spec: ProjectSpec, archive: Archive, at: datetime) -> bool:
        installation = self.catalog.identify(self.installation)
        place = self._place(key, installation, spec)
        address = self.databases.address(plan_database(key, installation, spec.tracking))
        if not (address and isinstance(place, BucketPlan)):
            return False
        left = self._left(key, place)
        reader = None if left else self.artifacts.reader(place)
        source = ArchiveSource(key, spec.tracking.version, address, place, reader, left)
        made = archive.make(source, at)
        log.info("project archived", project=str(key), location=made.location, artifacts=made.artifacts)
        return True

    def _delete(self, key: ProjectKey, project: Project) -> None:
        installation = self.catalog.identify(self.installation)
        # The database last: killed in between, its address still says that there is something to go on with.
        self._delete_artifacts(key, self._place(key, installation, project.spec))
        self.databases.remove(plan_database(key, installation, project.spec.tracking))
        self.runtime.forget(key)
        self.catalog.delete_project(key)
        log.info("project deleted with its data", project=str(key))

    def _delete_artifacts(self, key: ProjectKey, place: ArtifactPlan) -> None:
        if left := self._left(key, place):
            log.warning("artifacts left alone", project=str(key), reason=left)
            self.artifacts.dismiss(place)
        else:
            self.artifacts.remove(place)

    def _place(self, key: ProjectKey, installation: Installation, spec: ProjectSpec) -> ArtifactPlan:
        place = plan_artifacts(key, installation, spec.artifacts)
        stay(place, self.catalog.held(key))
        return place

    def _left(self, key: ProjectKey, place: ArtifactPlan) -> str:
        """Say why what lies in the place is not for this project to take away; empty when it is."""
        holder = self.catalog.holder(key, place)
        return shared(place, holder) if holder else ""


def _some(names: Collection[str]) -> str:
    shown, more = sorted(names)[:_SHOWN], len(names) - _SHOWN
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
