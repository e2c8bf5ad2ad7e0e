"""New credentials for old: on a schedule, and whenever somebody asks. While servers move over, both work.

The annotation `tenantry.dev/rotate` holds a time: what was made before it is replaced, once that time has come. So it
may stay, and asking twice is asking once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog

from tenantry_operator.ages import Ages
from tenantry_operator.errors import ProvisionFailed
from tenantry_operator.facts import ProjectKey, ProjectPlan
from tenantry_operator.provision import Artifacts, Databases
from tenantry_operator.provision.credential import Credentials, names_of
from tenantry_operator.runtime import Runtime

__all__ = ["Rotation"]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Rotation:
    """`every` is the schedule; None: only when somebody asks. `kept` are the credentials of all projects, in memory:
    what asks nothing else is cheap enough for every look at a project.
    """

    databases: Databases
    artifacts: Artifacts
    runtime: Runtime
    kept: Credentials
    every: timedelta | None = None
    ages: Ages = field(default_factory=Ages)

    def is_under_way(self, plan: ProjectPlan) -> bool:
        """Say whether something is left to do, now or when the servers have moved over."""
        return self._is_overlapping(plan) or self.is_due(plan)

    def is_due(self, plan: ProjectPlan) -> bool:
        """Say whether a credential is too old, and none is still to be retired."""
        limit = self._limit(plan)
        return not self._is_overlapping(plan) and any(age > limit for age in self._ages(plan))

    def turn(self, plan: ProjectPlan) -> None:
        """Replace what is too old.

        What stands in the way is tried again with the next look: the old ones still work.
        """
        if not self.is_due(plan):
            return
        try:
            self._replace(plan)
        except ProvisionFailed as error:
            log.warning("credentials too old, and not replaced", project=str(plan.key), reason=str(error))

    def _replace(self, plan: ProjectPlan) -> None:
        limit, database, artifacts = self._limit(plan), *self._parts(plan)
        log.info("new credentials", project=str(plan.key), oldest_days=max(self._ages(plan)).days)
        if database is not None and database > limit:
            self.databases.rotate(plan.database)
        if artifacts is not None and artifacts > limit:
            self.artifacts.rotate(plan.artifacts)

    def retire(self, plan: ProjectPlan) -> None:
        """End what was replaced, if no server uses it any more: the server of the current one must have been offered.

        What stands in the way is tried again with the next look.
        """
        if not self._is_overlapping(plan) or not self.runtime.is_settled(plan.key):
            return
        try:
            self.databases.retire(plan.database)
            self.artifacts.retire(plan.artifacts)
        except ProvisionFailed as error:
            log.warning("replaced credentials still work", project=str(plan.key), reason=str(error))
        else:
            log.info("replaced credentials ended", project=str(plan.key))

    def made_at(self, plan: ProjectPlan) -> datetime | None:
        """Return when the oldest of the current credentials was made, to the minute; None when nobody knows."""
        ages = tuple(self._ages(plan))
        return (datetime.now(UTC) - max(ages)).replace(second=0, microsecond=0) if ages else None

    def note(self, plan: ProjectPlan) -> None:
        """Remember how old its credentials are, for the figures."""
        self.ages.note(plan.key, self.made_at(plan), overlapping=self._is_overlapping(plan))

    def forget(self, key: ProjectKey) -> None:
        self.ages.forget(key)

    def _is_overlapping(self, plan: ProjectPlan) -> bool:
        return any(self.kept.is_overlapping(name) for name in names_of(plan.database, plan.artifacts))

    def _ages(self, plan: ProjectPlan) -> Iterator[timedelta]:
        return (age for age in self._parts(plan) if age is not None)

    def _parts(self, plan: ProjectPlan) -> tuple[timedelta | None, timedelta | None]:
        return self.databases.age(plan.database), self.artifacts.age(plan.artifacts)

    def _limit(self, plan: ProjectPlan) -> timedelta:
        """A time that is still to come asks for nothing: else what is made now would be too old at once."""
        now, asked = datetime.now(UTC), plan.rotate_before
        age = now - asked if asked and asked <= now else timedelta.max
        return min(age, self.every or timedelta.max)
