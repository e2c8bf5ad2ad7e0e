"""Puts each request on record once: an intent and its outcome, or a refusal, in the log of its workspace."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from tenantry_api.errors import Refused
from tenantry_api.exchange import Call
from tenantry_api.facts import INSTALLATION_LOG, Action, Decision, Principal, PrincipalKind, Target
from tenantry_api.record.event import Details, Event, Head, intent, outcome, refusal
from tenantry_api.record.recorder import Recorder, RecordUnavailable
from tenantry_api.snapshot import SnapshotHolder

__all__ = ["Admitted", "Ending", "Ledger", "Trail"]

_ANONYMOUS = Principal(PrincipalKind.ANONYMOUS, "anonymous")


@dataclass(slots=True)
class Trail:
    """What is known of a request so far, for the record of a refusal at any step."""

    call: Call
    target: Target | None = None
    principal: Principal = _ANONYMOUS
    operation: str = "unknown"
    action: Action | None = None


@dataclass(frozen=True, slots=True)
class Admitted:
    """A request that may be done."""

    call: Call
    target: Target
    principal: Principal
    action: Action
    decision: Decision

    @property
    def key(self) -> tuple[str, str]:
        return self.target.workspace, self.target.project


@dataclass(frozen=True, slots=True)
class Ending:
    """How a request ended: the status that the client gets; not `completed` if the answer was cut, or never came."""

    status: int
    completed: bool
    received: int = 0
    sent: int = 0


class Ledger:
    """Every method that returns has the event on disk; but `ended_soon`, which follows with the next group."""

    def __init__(self, recorder: Recorder, snapshots: SnapshotHolder) -> None:
        self._recorder = recorder
        self._snapshots = snapshots
        # Intents without an outcome yet, by the request's id.
        self._open: dict[UUID, Event] = {}

    def intent(self, admitted: Admitted, details: Details | None = None) -> Event:
        """Not on record yet; `begun` is next."""
        event = self._open[admitted.call.id] = intent(
            self._head(admitted.call, admitted.target, admitted.principal),
            workspace=admitted.target.workspace,
            project=admitted.target.project,
            action=admitted.action,
            decision=admitted.decision,
            details=details,
        )
        return event

    async def begun(self, event: Event) -> None:
        try:
            await self._recorder.write(event)
        except RecordUnavailable:
            self._open.pop(event.id, None)
            raise

    async def ended(self, event: Event, ending: Ending, details: Details | None = None) -> None:
        self._open.pop(event.id, None)
        await self._recorder.write(_outcome(event, ending, details))

    def ended_soon(self, event: Event, ending: Ending, details: Details | None = None) -> None:
        """For reads: their intent already says that they may have happened."""
        self._open.pop(event.id, None)
        self._recorder.write_soon(_outcome(event, ending, details))

    async def failed(self, request_id: UUID, status: int) -> bool:
        """A mistake of ours ended the request. False if it had no intent yet: then it is refused like any other."""
        begun = self._open.get(request_id)
        if begun is not None:
            await self.ended(begun, Ending(status, completed=False))
        return begun is not None

    async def refused(self, trail: Trail, refused: Refused) -> None:
        resources = refused.refusal.resources if trail.action is None else trail.action.resources
        event = refusal(
            self._head(trail.call, trail.target, trail.principal),
            workspace=trail.target.workspace if trail.target else None,
            project=trail.target.project if trail.target else None,
            method=trail.call.method,
            path=trail.call.path,
            refusal=replace(refused.refusal, operation=trail.operation, resources=resources),
            decision=refused.decision,
        )
        await self._recorder.write(event)

    def _head(self, call: Call, target: Target | None, principal: Principal) -> Head:
        return Head(call.id, call.at, self._log(target), principal, call.client)

    def _log(self, target: Target | None) -> str:
        """The workspace's own log if there is such a workspace, else the installation's."""
        if target is not None and self._snapshots.has_workspace(target.workspace):
            return target.workspace
        return INSTALLATION_LOG


def _outcome(event: Event, ending: Ending, details: Details | None = None) -> Event:
    return outcome(
        of=event,
        at=datetime.now(UTC),
        status=ending.status,
        bytes_in=ending.received,
        bytes_out=ending.sent,
        completed=ending.completed,
        details=details,
    )
