"""New credentials for old: on a schedule, and whenever somebody asks. While servers move over, both work.

The annotation `tenantry.dev/rotate` holds a time: what was made before it is replaced. So it may stay, and asking twice
is asking once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from tenantry_operator.facts import ProjectPlan
from tenantry_operator.provision import Artifacts, Databases
from tenantry_operator.runtime import Runtime

__all__ = ["Rotation"]

# A replaced login that nobody retired is looked for as long as the current one is younger than this.
_RECENT: Final = timedelta(hours=2)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Rotation:
    """`every` is the schedule; None: only when somebody asks."""

    databases: Databases
    artifacts: Artifacts
    runtime: Runtime
    every: timedelta | None = None

    def turn(self, plan: ProjectPlan) -> None:
        """Retire what no server uses any more, then replace what is too old. Raises ProvisionFailed."""
        ages = tuple(self._ages(plan))
        limit = self._limit(plan)
        due = any(age > limit for age in ages)
        if (due or any(age < _RECENT for age in ages)) and self.runtime.is_settled(plan.key):
            self.databases.retire(plan.database)
            self.artifacts.retire(plan.artifacts)
        if due:
            log.info("new credentials", project=str(plan.key), oldest_days=max(ages).days)
            self.databases.rotate(plan.database)
            self.artifacts.rotate(plan.artifacts)

    def made_at(self, plan: ProjectPlan) -> datetime | None:
        """Return when the oldest of the current credentials was made, to the minute; None when nobody knows."""
        ages = tuple(self._ages(plan))
        return (datetime.now(UTC) - max(ages)).replace(second=0, microsecond=0) if ages else None

    def _ages(self, plan: ProjectPlan) -> Iterator[timedelta]:
        for age in (self.databases.age(plan.database), self.artifacts.age(plan.artifacts)):
            if age is not None:
                yield age

    def _limit(self, plan: ProjectPlan) -> timedelta:
        asked = datetime.now(UTC) - plan.rotate_before if plan.rotate_before else timedelta.max
        return min(asked, self.every or timedelta.max)
