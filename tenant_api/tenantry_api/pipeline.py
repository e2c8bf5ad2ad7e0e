"""What happens to every request under /w/: identify, classify, authorize, record, forward, complete.

Each request is recorded exactly once, whatever becomes of it: as a refusal, or as an intent and its outcome. Reads
let the record's fsync overlap the backend's work and release no byte before both are done; whatever changes
something is on disk before it is forwarded, and its outcome before it is answered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar
from uuid import UUID

from tenantry_api import refusals
from tenantry_api.authorize import Authorizer
from tenantry_api.classify import Body, Match, RouteTable, finish, match, parse_target
from tenantry_api.errors import Refused, internal_error, record_unavailable
from tenantry_api.exchange import Call, ClientGone, Exchange, refusal_reply
from tenantry_api.facts import Action, Decision, Kind, Principal, Refusal, Target
from tenantry_api.forward import Backends
from tenantry_api.identify import Identifier
from tenantry_api.ledger import Admitted, Ledger, Trail
from tenantry_api.perform import Performer, Promoted
from tenantry_api.promote import Move, Terms, move_of, removal_of
from tenantry_api.record.recorder import RecordUnavailable
from tenantry_api.snapshot import Project, SnapshotHolder

__all__ = ["Door"]

Value = TypeVar("Value")


class Door:
    """`tables` has a route table for each supported version of MLflow; the last one stands in for unknown projects."""

    def __init__(
        self,
        *,
        snapshots: SnapshotHolder,
        tables: dict[str, RouteTable],
        identifier: Identifier,
        authorizer: Authorizer,
        ledger: Ledger,
        performer: Performer,
        backends: Backends,
    ) -> None:
        self._snapshots = snapshots
        self._tables = tables
        self._identifier = identifier
        self._authorizer = authorizer
        self._ledger = ledger
        self._performer = performer
        self._backends = backends

    async def serve(self, exchange: Exchange, trail: Trail) -> str:
        """Answer the request. Returns the kind of its action, or `refused`."""
        try:
            admitted = await self._admit(exchange, trail)
            with self._backends.in_use(admitted.key):
                await self._perform(exchange, admitted)
        except Refused as refused:
            await self._refuse(exchange, trail, refused)
            return "refused"
        except RecordUnavailable:
            await exchange.respond(refusal_reply(record_unavailable(), exchange.call.id))
            return "refused"
        return admitted.action.kind

    async def fail(self, exchange: Exchange, trail: Trail) -> None:
        """Put a request on record that a mistake of ours ended, and answer it unless an answer has begun."""
        refused = internal_error()
        try:
            if not await self.failed(exchange.call.id, exchange.status or refused.refusal.status):
                await self._ledger.refused(trail, refused)
        except RecordUnavailable:
            refused = record_unavailable()
        if not exchange.started:
            await exchange.respond(refusal_reply(refused, exchange.call.id))

    async def failed(self, request_id: UUID, status: int) -> bool:
        """Whether the request had begun; then its end is on record."""
        return await self._ledger.failed(request_id, status)

    async def promote(
        self, call: Call, principal: Principal, target: Target, move: Move, terms: Terms
    ) -> Promoted | Refusal:
        """Our own API's way to what `serve` does for the stock client's promotions. Recorded whatever becomes of it."""
        trail = Trail(call, target, principal)
        try:
            matched, body = self._as_stock_client(target, move)
            trail.operation = matched.operation
            trail.action = action = _accepted(finish(matched, body))
            decision = self._authorize(principal, target, action)
            self._check_reason(target, move, terms)
            with self._backends.in_use((target.workspace, target.project)):
                return await self._performer.promote(Admitted(call, target, principal, action, decision), terms)
        except Refused as refused:
            await self._ledger.refused(trail, refused)
            return refused.refusal

    # ------------------------------------------------------------ identify → classify → authorize

    async def _admit(self, exchange: Exchange, trail: Trail) -> Admitted:
        matched = self._match(exchange, trail)
        trail.principal = principal = _accepted(await self._identifier.identify(exchange.method, exchange.headers))
        trail.action = action = await _classify(exchange, _accepted(matched))
        assert trail.target is not None, "what has no target has no match either"
        decision = self._authorize(principal, trail.target, action)
        if action.kind is Kind.PROMOTION and removal_of(action) is None:
            self._check_reason(trail.target, move_of(action), Terms())
        return Admitted(trail.call, trail.target, principal, action, decision)

    def _match(self, exchange: Exchange, trail: Trail) -> Match | Refusal:
        """First, so that the record names the operation also of those whom we do not know; they learn nothing of it."""
        target = parse_target(exchange.raw_path)
        assert target is not None, "the application sends only what is below /w/ here"
        if isinstance(target, Refusal):
            return target
        trail.target = target
        matched = self._of_project(exchange, target)
        trail.operation = matched.operation
        return matched

    def _of_project(self, exchange: Exchange, target: Target) -> Match | Refusal:
        if not target.path:
            return refusals.slash_missing()
        return match(self._table(target), exchange.method, target, exchange.query, exchange.headers)

    def _authorize(self, principal: Principal, target: Target, action: Action) -> Decision:
        decision = self._authorizer.decide(principal, target.workspace, target.project, action.permission)
        if not decision.allowed:
            raise Refused(refusals.no_grant(principal, target, action), decision=decision)
        project = self._project(target)
        if project is None or project.retired:
            raise Refused(refusals.not_found(target), decision=decision)
        if project.fenced:
            raise Refused(refusals.fenced(target), decision=decision)
        return decision

    # ------------------------------------------------------------ record → forward → complete

    async def _perform(self, exchange: Exchange, admitted: Admitted) -> None:
        match admitted.action.kind:
            case Kind.READ | Kind.DOWNLOAD | Kind.STATIC:
                await self._performer.read(exchange, admitted)
            case Kind.MUTATION | Kind.UPLOAD:
                await self._performer.change(exchange, admitted)
            case Kind.PROMOTION:
                await self._promote(exchange, admitted)

    async def _promote(self, exchange: Exchange, admitted: Admitted) -> None:
        removal = removal_of(admitted.action)
        if removal is None:
            promoted = await self._performer.promote(
                admitted, Terms(), headers=exchange.headers, received=exchange.received
            )
            await exchange.respond(promoted.reply)
        else:
            await self._performer.remove(exchange, admitted, removal, self._rules(admitted.target))

    async def _refuse(self, exchange: Exchange, trail: Trail, refused: Refused) -> None:
        """No refusal leaves unrecorded either."""
        refused = refusals.for_people(exchange, refused)
        try:
            await self._ledger.refused(trail, refused)
        except RecordUnavailable:
            refused = record_unavailable()
        await exchange.respond(refusal_reply(refused, exchange.call.id))

    # ------------------------------------------------------------ what the steps above look up

    def _project(self, target: Target) -> Project | None:
        return self._snapshots.current().projects.get((target.workspace, target.project))

    def _table(self, target: Target) -> RouteTable:
        project = self._project(target)
        return self._tables[project.mlflow_version if project is not None else next(reversed(self._tables))]

    def _as_stock_client(self, target: Target, move: Move) -> tuple[Match, bytes]:
        method, path, body = move.request()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        return _accepted(match(self._table(target), method, replace(target, path=path), b"", headers)), body

    def _check_reason(self, target: Target, move: Move, terms: Terms) -> None:
        if not terms.explain(move, self._rules(target)):
            raise Refused(refusals.reason_required())

    def _rules(self, target: Target) -> Mapping[str, object]:
        project = self._project(target)
        return {} if project is None else project.promotion


def _accepted(value: Value | Refusal) -> Value:
    """The value, or an end to the request."""
    if isinstance(value, Refusal):
        raise Refused(value)
    return value


async def _classify(exchange: Exchange, matched: Match) -> Action:
    held = matched.body in {Body.JSON, Body.RAW}
    try:
        return _accepted(finish(matched, await exchange.body(matched.max_body) if held else None))
    except ClientGone as gone:
        raise Refused(refusals.client_closed()) from gone
