"""What happens to every request under /w/: identify, classify, authorize, record, forward, complete.

Each request is recorded exactly once, whatever becomes of it: as a refusal, or as an intent and its outcome. Reads
let the record's fsync overlap the backend's work and release no byte before both are done; whatever changes
something is on disk before it is forwarded, and its outcome before it is answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TypeVar

from tenantry_api import refusals
from tenantry_api.authorize import Authorizer
from tenantry_api.classify import Body, Match, RouteTable, finish, match, parse_target
from tenantry_api.errors import Refused, backend_broke_off, record_unavailable
from tenantry_api.exchange import Call, ClientGone, Exchange, RawHeaders, Reply, refusal_reply
from tenantry_api.facts import INSTALLATION_LOG, Action, Decision, Kind, Principal, PrincipalKind, Refusal, Target
from tenantry_api.forward import Answer, Forwarder, Interrupted, client_headers
from tenantry_api.identify import Identifier
from tenantry_api.record.event import Details, Event, intent, outcome, refusal
from tenantry_api.record.recorder import Recorder, RecordUnavailable
from tenantry_api.snapshot import SnapshotHolder

__all__ = ["Admitted", "Door", "Trail"]

# An answer to a mutation is held until its outcome is on disk. MLflow's are a few kilobytes.
_MAX_HELD = 16 * 2**20
# An answer up to this size is sent in one piece.
_ONE_PIECE = 2**16

_ANONYMOUS = Principal(PrincipalKind.ANONYMOUS, "anonymous")

Value = TypeVar("Value")


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

    @property
    def streamed(self) -> bool:
        return self.action.kind is Kind.UPLOAD and self.action.body is None


class Door:
    """`tables` has a route table for each supported version of MLflow; the last one stands in for unknown projects."""

    def __init__(
        self,
        *,
        snapshots: SnapshotHolder,
        tables: dict[str, RouteTable],
        identifier: Identifier,
        authorizer: Authorizer,
        recorder: Recorder,
        forwarder: Forwarder,
    ) -> None:
        self._snapshots = snapshots
        self._tables = tables
        self._identifier = identifier
        self._authorizer = authorizer
        self._recorder = recorder
        self._forwarder = forwarder

    async def serve(self, exchange: Exchange) -> str:
        """Answer the request. Returns the kind of its action, or `refused`."""
        trail = Trail(exchange.call)
        try:
            admitted = await self._admit(exchange, trail)
        except Refused as refused:
            await self._refuse(exchange, trail, refused)
            return "refused"
        await self._perform(exchange, admitted)
        return admitted.action.kind

    # ------------------------------------------------------------ identify → classify → authorize

    async def _admit(self, exchange: Exchange, trail: Trail) -> Admitted:
        trail.target = target = _accepted(parse_target(exchange.raw_path))
        matched = self._match(exchange, target)
        trail.operation = matched.operation
        trail.principal = principal = _accepted(await self._identifier.identify(exchange.method, exchange.headers))
        trail.action = action = await _classify(exchange, _accepted(matched))
        decision = self._authorize(principal, target, action)
        return Admitted(trail.call, target, principal, action, decision)

    def _match(self, exchange: Exchange, target: Target) -> Match | Refusal:
        if not target.path:
            return refusals.slash_missing()
        project = self._snapshots.current().projects.get((target.workspace, target.project))
        version = project.mlflow_version if project is not None else next(reversed(self._tables))
        return match(self._tables[version], exchange.method, target, exchange.query, exchange.headers)

    def _authorize(self, principal: Principal, target: Target, action: Action) -> Decision:
        decision = self._authorizer.decide(principal, target.workspace, target.project, action.permission)
        if not decision.allowed:
            raise Refused(refusals.no_grant(principal, target, action), decision=decision)
        project = self._snapshots.current().projects.get((target.workspace, target.project))
        if project is None or project.retired:
            raise Refused(refusals.not_found(target), decision=decision)
        if project.fenced:
            raise Refused(refusals.fenced(target), decision=decision)
        return decision

    # ------------------------------------------------------------ record → forward → complete

    async def _perform(self, exchange: Exchange, admitted: Admitted) -> None:
        way = self._read if admitted.action.kind in {Kind.READ, Kind.DOWNLOAD, Kind.STATIC} else self._change
        try:
            with self._forwarder.backends.in_use(admitted.key):
                await way(exchange, admitted)
        except RecordUnavailable:
            await exchange.respond(refusal_reply(record_unavailable(), exchange.call.id))

    async def _read(self, exchange: Exchange, admitted: Admitted) -> None:
        """The fsync of the intent and the backend overlap; the first byte leaves when both are done."""
        begun = self._intent(admitted)
        recorded = asyncio.create_task(self._recorder.write(begun))
        try:
            async with await self._forwarder.send(admitted.key, admitted.action, exchange.headers) as answer:
                await recorded
                status, completed = await _relay(exchange, admitted, answer)
        except Refused as refused:
            await recorded
            status, completed = refused.refusal.status, False
            await exchange.respond(refusal_reply(refused, exchange.call.id))
        self._recorder.write_soon(_outcome(begun, exchange, status, exchange.sent, completed=completed))

    async def _change(self, exchange: Exchange, admitted: Admitted) -> None:
        """The intent is on disk before anything is forwarded, the outcome before anything is answered."""
        begun = self._intent(admitted)
        await self._recorder.write(begun)
        streamed = exchange.chunks() if admitted.streamed else None
        reply, completed = await self._carry_out(exchange, admitted, streamed)
        status = refusals.CLIENT_CLOSED if exchange.gone else reply.status
        await self._recorder.write(_outcome(begun, exchange, status, len(reply.body), completed=completed))
        await exchange.respond(reply)

    async def _carry_out(
        self, exchange: Exchange, admitted: Admitted, body: AsyncIterator[bytes] | None
    ) -> tuple[Reply, bool]:
        """The answer to give, and whether the backend's own answer arrived whole."""
        try:
            async with await self._forwarder.send(admitted.key, admitted.action, exchange.headers, body) as answer:
                content = await answer.read(_MAX_HELD)
        except Refused as refused:
            return refusal_reply(refused, exchange.call.id), False
        except Interrupted:
            return refusal_reply(backend_broke_off(), exchange.call.id), False
        headers = client_headers(answer.headers, request_id=str(exchange.call.id), sandbox=False)
        return Reply(answer.status, headers, content), True

    # ------------------------------------------------------------ the record

    def _intent(self, admitted: Admitted, details: Details | None = None) -> Event:
        return intent(
            id=admitted.call.id,
            at=admitted.call.at,
            log=self._log(admitted.target),
            actor=admitted.principal,
            client=admitted.call.client,
            workspace=admitted.target.workspace,
            project=admitted.target.project,
            action=admitted.action,
            decision=admitted.decision,
            details=details,
        )

    def _log(self, target: Target | None) -> str:
        """The workspace's own log if there is such a workspace, else the installation's."""
        if target is not None and self._snapshots.has_workspace(target.workspace):
            return target.workspace
        return INSTALLATION_LOG

    async def _refuse(self, exchange: Exchange, trail: Trail, refused: Refused) -> None:
        """No refusal leaves unrecorded either."""
        refused = refusals.for_people(exchange, refused)
        try:
            await self._recorder.write(self._refusal(trail, refused))
        except RecordUnavailable:
            refused = record_unavailable()
        await exchange.respond(refusal_reply(refused, exchange.call.id))

    def _refusal(self, trail: Trail, refused: Refused) -> Event:
        resources = refused.refusal.resources if trail.action is None else trail.action.resources
        return refusal(
            id=trail.call.id,
            at=trail.call.at,
            log=self._log(trail.target),
            actor=trail.principal,
            client=trail.call.client,
            workspace=trail.target.workspace if trail.target else None,
            project=trail.target.project if trail.target else None,
            method=trail.call.method,
            path=trail.call.path,
            refusal=replace(refused.refusal, operation=trail.operation, resources=resources),
            decision=refused.decision,
        )


def _accepted(value: Value | Refusal | None) -> Value:
    """The value, or an end to the request."""
    if isinstance(value, Refusal):
        raise Refused(value)
    assert value is not None, "the application sends only what is below /w/ here"
    return value


async def _classify(exchange: Exchange, matched: Match) -> Action:
    held = matched.body in {Body.JSON, Body.RAW}
    try:
        return _accepted(finish(matched, await exchange.body(matched.max_body) if held else None))
    except ClientGone as gone:
        raise Refused(refusals.client_closed()) from gone


async def _relay(exchange: Exchange, admitted: Admitted, answer: Answer) -> tuple[int, bool]:
    """The status that the client got, and whether it got all of the body."""
    sandbox = admitted.action.kind is Kind.DOWNLOAD
    headers = client_headers(answer.headers, request_id=str(exchange.call.id), sandbox=sandbox)
    try:
        await _pass_on(exchange, answer, headers)
    except (ClientGone, Interrupted):
        if exchange.started:
            return answer.status, False
        await exchange.respond(refusal_reply(backend_broke_off(), exchange.call.id))
        return HTTPStatus.BAD_GATEWAY, False
    return answer.status, True


async def _pass_on(exchange: Exchange, answer: Answer, headers: RawHeaders) -> None:
    if answer.content_length is not None and answer.content_length <= _ONE_PIECE:
        body = await answer.read(_ONE_PIECE)
        await exchange.start(answer.status, headers)
        await exchange.finish(body)
        return
    await exchange.start(answer.status, headers)
    async with aclosing(answer.chunks()) as chunks:
        await exchange.stream(chunks)


def _outcome(
    begun: Event, exchange: Exchange, status: int, sent: int, *, completed: bool, details: Details | None = None
) -> Event:
    return outcome(
        of=begun,
        at=datetime.now(UTC),
        status=status,
        bytes_in=exchange.received,
        bytes_out=sent,
        completed=completed,
        details=details,
    )
