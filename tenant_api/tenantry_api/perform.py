"""Record, forward, complete: the second half of the pipeline, in the order that each kind of action needs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass

import structlog

from tenantry_api import refusals
from tenantry_api.errors import Altered, BackendAway, Interrupted, Refused
from tenantry_api.exchange import ClientGone, Exchange, RawHeaders, Reply, refusal_reply
from tenantry_api.facts import Kind
from tenantry_api.forward import Answer, Forwarder
from tenantry_api.ledger import Admitted, Ending, Ledger
from tenantry_api.promote import Move, Pointer, Removal, Terms, Turns, guarded, holder, move_of
from tenantry_api.record.event import Details

__all__ = ["Performer", "Promoted", "WakingPage"]

# What a person sees while the project's backend is on its way.
WakingPage = Callable[[Admitted, BackendAway], Reply]

# An answer to a change is held until its outcome is on disk. MLflow's are a few kilobytes.
_MAX_HELD = 16 * 2**20
# An answer up to this size is sent in one piece.
_ONE_PIECE = 2**16
# Seconds that a person waits for a backend before a page says that it is on its way.
_GLANCE = 2.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Promoted:
    """A promotion's answer, and who held the pointer before and after; `known` is False if nobody could say after."""

    reply: Reply
    before: str | None
    after: str | None
    known: bool = True


class Performer:
    """Each method raises `Refused` only while nothing is on record, and RecordUnavailable when the answer is 503."""

    def __init__(self, ledger: Ledger, forwarder: Forwarder, turns: Turns, waking: WakingPage) -> None:
        self._ledger = ledger
        self._forwarder = forwarder
        self._turns = turns
        self._waking = waking

    async def read(self, exchange: Exchange, admitted: Admitted) -> None:
        """The fsync of the intent and the backend overlap; the first byte leaves when both are done."""
        begun = self._ledger.intent(admitted)
        recorded = asyncio.create_task(self._ledger.begun(begun))
        patience = _GLANCE if refusals.is_page_view(exchange) else None
        completed, told = False, None
        try:
            async with await self._forwarder.send(
                admitted.key, admitted.action, exchange.headers, patience=patience
            ) as answer:
                await recorded
                with suppress(ClientGone):
                    await _pass_on(exchange, answer)
                    completed = True
        except Refused as refused:
            await recorded
            told = _altered(admitted, refused)
            if not exchange.started:
                await exchange.respond(self._refusal(exchange, admitted, refused))
        finally:
            # Also when a mistake of ours comes between: its outcome must not stand before its intent.
            await recorded
        self._ledger.ended_soon(begun, Ending(exchange.status, completed, exchange.received, exchange.sent), told)

    async def change(self, exchange: Exchange, admitted: Admitted) -> None:
        """The intent is on disk before anything is forwarded, the outcome before anything is answered."""
        begun = self._ledger.intent(admitted)
        await self._ledger.begun(begun)
        streamed = admitted.action.kind is Kind.UPLOAD and admitted.action.body is None
        reply, completed = await self._carry_out(admitted, exchange.headers, exchange.chunks() if streamed else None)
        status = refusals.CLIENT_CLOSED if exchange.gone else reply.status
        await self._ledger.ended(begun, Ending(status, completed, exchange.received, len(reply.body)))
        await exchange.respond(reply)

    async def promote(
        self, admitted: Admitted, terms: Terms, *, headers: RawHeaders = (), received: int = 0
    ) -> Promoted:
        """A change while nobody else moves a pointer of the model, with its holder before and after on record."""
        move = move_of(admitted.action)
        async with self._turns.turn(*admitted.key, move.model):
            before = await self._holder(admitted, move)
            told: Details = {**_details(move, terms), "version_before": before}
            begun = self._ledger.intent(admitted, told)
            await self._ledger.begun(begun)
            promoted, completed = await self._move(admitted, move, terms, before, headers)
            after = {"version_after": promoted.after} if promoted.known else {}
            ending = Ending(promoted.reply.status, completed, received, len(promoted.reply.body))
            await self._ledger.ended(begun, ending, {**told, **after})
        return promoted

    async def remove(
        self, exchange: Exchange, admitted: Admitted, removal: Removal, rules: Mapping[str, object]
    ) -> None:
        """A change that takes pointers along, with all that named what is removed before and after on record.

        `rules` are the project's `spec.promotion`. Raises `Refused` if one of them may only go for a reason.
        """
        async with self._turns.turn(*admitted.key, removal.model):
            before = await self._pointers(admitted, removal)
            if (alias := guarded(removal, before, rules)) is not None:
                raise Refused(refusals.alias_guarded(alias.name))
            told: Details = {**removal.details(), "pointers_before": _told(before)}
            begun = self._ledger.intent(admitted, told)
            await self._ledger.begun(begun)
            reply, completed = await self._carry_out(admitted, exchange.headers)
            with suppress(Refused):
                told = {**told, "pointers_after": _told(await self._pointers(admitted, removal))}
            ending = Ending(reply.status, completed, exchange.received, len(reply.body))
            await self._ledger.ended(begun, ending, told)
        await exchange.respond(reply)

    def _refusal(self, exchange: Exchange, admitted: Admitted, refused: Refused) -> Reply:
        if isinstance(refused, BackendAway) and refusals.is_page_view(exchange):
            return self._waking(admitted, refused)
        return refusal_reply(refused, exchange.call.id)

    async def _pointers(self, admitted: Admitted, removal: Removal) -> tuple[Pointer, ...]:
        try:
            async with await self._forwarder.send(admitted.key, removal.lookup(), ()) as answer:
                return removal.pointers(answer.status, await answer.read(_MAX_HELD))
        except (Interrupted, ValueError) as error:
            raise Refused(refusals.holder_unknown(removal.model)) from error

    async def _move(
        self, admitted: Admitted, move: Move, terms: Terms, before: str | None, headers: RawHeaders
    ) -> tuple[Promoted, bool]:
        if not terms.hold(before):
            mismatch = Refused(refusals.version_mismatch(move.name, terms.if_match, before))
            return Promoted(refusal_reply(mismatch, admitted.call.id), before, before), True
        reply, completed = await self._carry_out(admitted, headers)
        try:
            return Promoted(reply, before, await self._holder(admitted, move)), completed
        except Refused:
            return Promoted(reply, before, None, known=False), completed

    async def _holder(self, admitted: Admitted, move: Move) -> str | None:
        """Which version the pointer names, in the backend's own words. Raises `Refused` if it does not say."""
        try:
            async with await self._forwarder.send(admitted.key, move.lookup(), ()) as answer:
                return holder(move, answer.status, await answer.read(_MAX_HELD))
        except (Interrupted, ValueError) as error:
            raise Refused(refusals.holder_unknown(move.name)) from error

    async def _carry_out(
        self, admitted: Admitted, headers: RawHeaders, body: AsyncIterator[bytes] | None = None
    ) -> tuple[Reply, bool]:
        """The answer to give, and whether the backend's own answer arrived whole."""
        try:
            async with await self._forwarder.send(admitted.key, admitted.action, headers, body) as answer:
                content = await answer.read(_MAX_HELD)
        except Refused as refused:
            return refusal_reply(refused, admitted.call.id), False
        return Reply(answer.status, answer.headers(admitted.call.id), content), True


async def _pass_on(exchange: Exchange, answer: Answer) -> None:
    headers = answer.headers(exchange.call.id)
    if answer.content_length is not None and answer.content_length <= _ONE_PIECE:
        body = await answer.read(_ONE_PIECE)
        await exchange.start(answer.status, headers)
        await exchange.finish(body)
        return
    async with aclosing(answer.chunks()) as chunks:
        await exchange.stream(answer.status, headers, chunks)


def _altered(admitted: Admitted, refused: Refused) -> Details | None:
    """Somebody has to look at a backend that sends something else as MLflow's UI: it may be in strange hands."""
    if not isinstance(refused, Altered):
        return None
    workspace, project = admitted.key
    file, own = refused.file, str(admitted.call.id)
    _log.error("ui.altered", workspace=workspace, project=project, file=file.name, mlflow=file.mlflow, request_id=own)
    return {"altered": file.name}


def _told(pointers: tuple[Pointer, ...]) -> list[dict[str, str]]:
    return [pointer.told() for pointer in pointers]


def _details(move: Move, terms: Terms) -> Details:
    told = {"model": move.model, move.kind: move.name, "if_match": terms.if_match, "reason": terms.reason}
    return {**told, "archive_existing_versions": move.archives} if move.kind == "stage" else told
