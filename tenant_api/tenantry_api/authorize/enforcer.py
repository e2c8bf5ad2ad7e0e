"""Decide with Casbin on the newest snapshot. Owned by the event loop's thread: an enforcer is not thread-safe.

Casbin looks at each policy line in turn, so it is given only the lines that name the principal in this workspace.
A decision is kept for its snapshot, and no longer than until the first of those lines expires.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf
from pathlib import Path

from casbin import Enforcer

from tenantry_api.authorize.explain import explain_grant, explain_nothing, explain_scope
from tenantry_api.authorize.policy import ROLE_PERMISSIONS, Line, lines_by_subject, subjects_of
from tenantry_api.facts import Decision, Permission, Principal, TokenScope
from tenantry_api.snapshot import Snapshot

__all__ = ["Authorizer", "new_enforcer"]

_CACHED_DECISIONS = 20_000


@dataclass(frozen=True, slots=True)
class _Kept:
    decision: Decision
    until: float


_Key = tuple[frozenset[str], str, str | None, Permission]


def new_enforcer() -> Enforcer:
    """Casbin with our model and the roles' permissions, and no grant yet."""
    enforcer = Enforcer(str(Path(__file__).with_name("model.conf")))
    for role, permissions in ROLE_PERMISSIONS.items():
        enforcer.add_grouping_policies([[role.value, permission.value] for permission in sorted(permissions)])
    return enforcer


class Authorizer:
    """`snapshot` gives the newest snapshot, or raises when there is none to rely on."""

    def __init__(self, snapshot: Callable[[], Snapshot], clock: Callable[[], float] = time.time) -> None:
        self._snapshot = snapshot
        self._clock = clock
        self._enforcer = new_enforcer()
        self._revision: int | None = None
        self._lines: Mapping[tuple[str, str], tuple[Line, ...]] = {}
        self._kept: OrderedDict[_Key, _Kept] = OrderedDict()

    def decide(self, principal: Principal, workspace: str, project: str | None, permission: Permission) -> Decision:
        """`project` None asks about the workspace itself, which only grants on the whole workspace answer."""
        self._adopt(self._snapshot())
        bound_to = _outside(principal.scope, workspace, project, permission)
        if bound_to is not None:
            return self._decision(explain_scope(bound_to), allowed=False)
        return self._remembered((subjects_of(principal), workspace, project, permission))

    def _adopt(self, snapshot: Snapshot) -> None:
        if snapshot.revision == self._revision:
            return
        self._revision = snapshot.revision
        self._lines = lines_by_subject(snapshot.grants)
        self._kept.clear()

    def _remembered(self, key: _Key) -> Decision:
        now = self._clock()
        kept = self._kept.get(key)
        if kept is None or kept.until <= now:
            kept = self._kept[key] = self._enforce(key, now)
            if len(self._kept) > _CACHED_DECISIONS:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return kept.decision

    def _enforce(self, key: _Key, now: float) -> _Kept:
        subjects, workspace, project, permission = key
        lines = [line for subject in sorted(subjects) for line in self._lines.get((workspace, subject), ())]
        until = min((expires for *_, expires, _ in lines if expires > now), default=inf)
        self._enforcer.model["p"]["p"].policy = lines
        allowed, rule = self._enforcer.enforce_ex(subjects, workspace, project or "", permission.value, now)
        words = explain_grant(rule) if rule else explain_nothing(permission)
        return _Kept(self._decision(words, allowed=bool(allowed)), until)

    def _decision(self, rule: str, *, allowed: bool) -> Decision:
        assert self._revision is not None
        at = datetime.fromtimestamp(self._clock(), UTC)
        return Decision(allowed=allowed, rule=rule, revision=self._revision, decided_at=at)


def _outside(scope: TokenScope, workspace: str, project: str | None, permission: Permission) -> str | None:
    """What the token is bound to, when the question lies outside of it."""
    if scope.workspace not in {None, workspace}:
        return f"workspace {scope.workspace}"
    if scope.project not in {None, project}:
        return f"project {scope.workspace}/{scope.project}"
    if scope.permissions is not None and permission not in scope.permissions:
        return f"other permissions than {permission.value}"
    return None
