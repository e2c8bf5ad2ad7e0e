"""How old the projects' credentials are, as of the last look at each: what the operator's figures are made of."""

from __future__ import annotations

from datetime import datetime, timedelta
from threading import Lock
from typing import NamedTuple

from tenantry_operator.facts import ProjectKey
from tenantry_operator.provision.credential import Clock, now

__all__ = ["Ages"]


class _Seen(NamedTuple):
    """Of one project."""

    # None where somebody else makes them.
    made_at: datetime | None
    overlapping: bool


class Ages:
    """Thread-safe. Answers for all projects together: which one it is, `status.credentialsMadeAt` says, and a thousand
    projects need no thousand series for what changes once in three months.
    """

    def __init__(self, clock: Clock = now) -> None:
        self._clock = clock
        self._lock = Lock()
        self._seen: dict[ProjectKey, _Seen] = {}

    def note(self, key: ProjectKey, made_at: datetime | None, *, overlapping: bool) -> None:
        """`made_at` is the oldest one's time; `overlapping` says whether a replaced one still works."""
        with self._lock:
            self._seen[key] = _Seen(made_at, overlapping)

    def forget(self, key: ProjectKey) -> None:
        with self._lock:
            self._seen.pop(key, None)

    def oldest(self) -> float:
        """Return seconds; not a number while none is known."""
        return max((age.total_seconds() for age in self._all()), default=float("nan"))

    def older_than(self, limit: timedelta) -> int:
        return sum(age > limit for age in self._all())

    def overlapping(self) -> int:
        with self._lock:
            return sum(seen.overlapping for seen in self._seen.values())

    def _all(self) -> list[timedelta]:
        with self._lock:
            made = [seen.made_at for seen in self._seen.values()]
        return [self._clock() - time for time in made if time]
