"""Which projects were found well a short while ago, so that not each event asks each outside system again.

A pod that starts is a dozen events, and a restart of the operator is one for every project. What was found well stays
so for a while, unless the plan changes: then everything is asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from hashlib import sha256
from threading import Lock

from tenantry_crds.meta import ConditionStatus, ConditionType
from tenantry_operator.facts import Observed, Probe, ProjectKey, ProjectPlan
from tenantry_operator.publish import Published

__all__ = ["Trust"]


class Trust:
    """`seconds` is how long a finding lasts; with 0, no finding does. Thread-safe."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._lock = Lock()
        self._found: dict[ProjectKey, tuple[ProjectPlan, Observed, float]] = {}

    def recall(self, plan: ProjectPlan, published: Published | None) -> Observed | None:
        """Return what was found of this very plan, if that is not long ago. Of a project that was not looked at since
        the start, what was published counts; its time runs out at another moment for each, so that a thousand
        projects are not looked at in the same second. A project that does not hold its place is always looked at.
        """
        if published and published.artifacts != plan.artifacts.location:
            return None
        with self._lock:
            known = self._found.get(plan.key)
            if known is None and self._seconds and (seen := _as_published(plan, published)):
                known = self._found[plan.key] = (plan, seen, self._clock() + self._seconds * _phase(plan.key))
        if known is None or known[0] != plan or known[2] <= self._clock():
            return None
        return known[1]

    def settle(self, plan: ProjectPlan, observed: Observed) -> None:
        """Remember what was found just now, if nothing but the server is missing."""
        held = observed.database.ok and observed.storage.ok
        with self._lock:
            known = self._found.get(plan.key)
            if known and known[0] == plan and known[1].well == observed.well and held and known[2] > self._clock():
                return  # Looked at in passing: its time runs out as before.
            self._found[plan.key] = (plan, observed, self._clock() + (self._seconds if held else 0.0))

    def forget(self, key: ProjectKey) -> None:
        with self._lock:
            self._found.pop(key, None)


def _as_published(plan: ProjectPlan, published: Published | None) -> Observed | None:
    if published is None or published.retired or published.mlflow_version != plan.mlflow_version:
        return None
    found = {
        condition.type: Probe(condition.status is ConditionStatus.TRUE, condition.reason, condition.message)
        for condition in published.conditions
        if condition.observed_generation == plan.generation
    }
    if not found.keys() >= set(ConditionType):
        return None
    if not (found[ConditionType.DATABASE_READY].ok and found[ConditionType.STORAGE_READY].ok):
        return None
    return Observed(
        database=found[ConditionType.DATABASE_READY],
        storage=found[ConditionType.STORAGE_READY],
        isolation=found[ConditionType.ISOLATION_READY],
        backend=found[ConditionType.BACKEND_AVAILABLE],
    )


def _phase(key: ProjectKey) -> float:
    return int(sha256(str(key).encode()).hexdigest()[:8], 16) / 0x1_0000_0000
