"""Whether Kubernetes counts what a workspace's quota limits, and the second look that it has to be asked for.

Its controller hears of a new kind up to half a minute after the kind has come. A quota that it looked at before has no
count of that kind, lets none of it in, and is looked at again after five minutes, or when its limits change. So a limit
is taken out for a moment: the others stay in force, and what is planned comes back with the next apply.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, NamedTuple

from tenantry_operator.runtime.kubernetes.client import Client, Document
from tenantry_operator.runtime.kubernetes.kinds import Ref
from tenantry_operator.runtime.kubernetes.live import Live

__all__ = ["Counting", "uncounted"]

# By then Kubernetes has heard of a kind that came before the quota.
_SETTLING: Final = 30.0
# More would be no sooner than Kubernetes' own round.
_ATTEMPTS: Final = 5


class _Wait(NamedTuple):
    """For the count of one quota: since it was last made to be looked at, and how often it was."""

    uid: str
    since: float
    attempts: int = 0


class Counting:
    """Remembers what is not counted, and nothing else. Thread-safe for different quotas."""

    def __init__(self, client: Client, live: Live, clock: Callable[[], float] = time.monotonic) -> None:
        self._client, self._live, self._clock = client, live, clock
        self._waits: dict[Ref, _Wait] = {}

    def missing(self, ref: Ref) -> frozenset[str]:
        """Return what the quota limits and nobody counts; nothing of a quota that is not there."""
        quota = self._live.get(ref)
        return uncounted(quota) if quota else frozenset()

    def unsettle(self, ref: Ref) -> bool:
        """Take uncounted limits out, if Kubernetes looked at them too early; say so, because they have to come back.

        At rest this reads memory alone. A quota that is never counted is written a few times, not for ever.
        """
        quota = self._live.get(ref)
        missing = uncounted(quota) if quota else frozenset()
        if not quota or not missing:
            self._waits.pop(ref, None)
            return False
        if not self._is_due(ref, quota, missing):
            return False
        change = {"spec": {"hard": dict.fromkeys(sorted(missing))}}
        self._live.put(ref.kind, self._client.merge(ref, change))
        return True

    def _is_due(self, ref: Ref, quota: Document, missing: frozenset[str]) -> bool:
        uid, now = quota["metadata"]["uid"], self._clock()
        known = self._waits.get(ref)
        if known is None or known.uid != uid:
            known = self._waits[ref] = _Wait(uid, now)
        looked_at = missing <= set(quota.get("status", {}).get("hard", ()))
        if not looked_at or known.attempts >= _ATTEMPTS or now - known.since < _SETTLING:
            return False
        self._waits[ref] = _Wait(uid, now, known.attempts + 1)
        return True


def uncounted(quota: Document) -> frozenset[str]:
    """Return what a quota limits and its status has no use of, by the names of its limits."""
    return frozenset(quota["spec"].get("hard", ())) - frozenset(quota.get("status", {}).get("used", ()))
