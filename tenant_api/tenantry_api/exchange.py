"""One HTTP exchange over ASGI, without a framework: what came, what went, and how many bytes of each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from tenantry_api.errors import Refused, mlflow_error
from tenantry_api.facts import Refusal
from tenantry_api.record.event import Client

__all__ = ["Call", "ClientGone", "Exchange", "RawHeaders", "Receive", "Reply", "Scope", "Send", "refusal_reply"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
RawHeaders = Sequence[tuple[bytes, bytes]]


class ClientGone(Exception):  # noqa: N818 - an end, not a mistake of anybody's
    """The client closed its connection before it had sent all, or got all."""


@dataclass(frozen=True, slots=True)
class Call:
    """What the record says of a request before anything about it is known. `path` has no query: it may hold secrets."""

    id: UUID
    at: datetime
    method: str
    path: str
    client: Client

    @classmethod
    def of(cls, scope: Scope) -> Call:
        address = scope.get("client")
        agents = [value for name, value in scope["headers"] if name == b"user-agent"]
        return cls(
            id=uuid7(),
            at=datetime.now(UTC),
            method=scope["method"],
            path=scope["raw_path"].decode("latin-1"),
            client=Client(address[0] if address else "", agents[0].decode("latin-1") if agents else ""),
        )


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer, small enough to hold."""

    status: int
    headers: RawHeaders = ()
    body: bytes = b""


def refusal_reply(refused: Refused, request_id: UUID) -> Reply:
    """The refusal in MLflow's shape."""
    headers = [
        (b"content-type", b"application/json"),
        (b"x-content-type-options", b"nosniff"),
        (b"x-tenantry-request-id", str(request_id).encode()),
    ]
    if refused.refusal.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers.append((b"retry-after", b"2"))
    return Reply(refused.refusal.status, [*headers, *refused.headers], mlflow_error(refused.refusal))


@dataclass(slots=True)
class Exchange:
    """Counts as it goes: `received` bytes of the request's body, `sent` bytes of the answer's."""

    scope: Scope
    receive: Receive
    send: Send
    received: int = 0
    sent: int = 0
    # Set once the client is known to have closed its connection.
    gone: bool = False
    # Of the answer, once it has begun to leave.
    status: int = 0
    call: Call = field(init=False)

    def __post_init__(self) -> None:
        self.call = Call.of(self.scope)

    @property
    def started(self) -> bool:
        return self.status != 0

    @property
    def method(self) -> str:
        return str(self.scope["method"])

    @property
    def raw_path(self) -> bytes:
        """Still percent-encoded, without the query."""
        return bytes(self.scope["raw_path"])

    @property
    def query(self) -> bytes:
        return bytes(self.scope["query_string"])

    @property
    def headers(self) -> RawHeaders:
        headers: RawHeaders = self.scope["headers"]
        return headers

    async def chunks(self) -> AsyncIterator[bytes]:
        """The request's body as it comes. Raises `ClientGone`."""
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                self.gone = True
                raise ClientGone
            chunk = message.get("body", b"")
            self.received += len(chunk)
            if chunk:
                yield chunk
            if not message.get("more_body", False):
                return

    async def body(self, limit: int) -> bytes:
        """The request's whole body. Raises `Refused` (413) beyond `limit` bytes, and `ClientGone`."""
        parts = []
        async for chunk in self.chunks():
            parts.append(chunk)
            if self.received > limit:
                message = f"The body is larger than {limit} bytes."
                raise Refused(Refusal(413, "RESOURCE_LIMIT_EXCEEDED", "body_too_large", message))
        return b"".join(parts)

    async def respond(self, reply: Reply) -> None:
        length = (b"content-length", str(len(reply.body)).encode())
        await self.start(reply.status, [*(item for item in reply.headers if item[0] != b"content-length"), length])
        await self.finish(reply.body)

    async def start(self, status: int, headers: RawHeaders) -> None:
        self.status = status
        await self.send({"type": "http.response.start", "status": status, "headers": headers})

    async def finish(self, body: bytes = b"") -> None:
        self.sent += len(body)
        await self.send({"type": "http.response.body", "body": body})

    async def stream(self, status: int, headers: RawHeaders, chunks: AsyncIterator[bytes]) -> None:
        """Pass an answer's body on as it comes. Raises `ClientGone`.

        What `chunks` raises leaves the answer cut; or not begun, if it comes before the first byte.
        """
        watch = asyncio.create_task(self._closed())
        try:
            async for chunk in chunks:
                if not self.started:
                    await self.start(status, headers)
                if watch.done():
                    self.gone = True
                    raise ClientGone
                await self.send({"type": "http.response.body", "body": chunk, "more_body": True})
                self.sent += len(chunk)
        finally:
            watch.cancel()
        if not self.started:
            await self.start(status, headers)
        await self.finish()

    async def _closed(self) -> None:
        while (await self.receive())["type"] != "http.disconnect":
            pass
