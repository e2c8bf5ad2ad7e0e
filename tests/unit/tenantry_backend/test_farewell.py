"""A server that leaves ends each connection with an answer, and leaves the door the time to notice."""

from __future__ import annotations

import pytest
from starlette.types import Message, Receive, Scope, Send

from tenantry_api.forward import stream
from tenantry_backend.farewell import LAME_DUCK, Farewell

SCOPE: Scope = {"type": "http", "method": "GET", "path": "/", "headers": []}


async def nothing() -> Message:
    return {"type": "http.disconnect"}


async def answer(_: Scope, __: Receive, send: Send) -> None:
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"x", b"y"), (b"Connection", b"keep-alive")]}
    )
    await send({"type": "http.response.body", "body": b"bytes"})


@pytest.mark.parametrize(("leaving", "connection"), [(False, b"keep-alive"), (True, b"close")])
async def test_each_answer_says_what_becomes_of_its_connection(leaving: bool, connection: bytes) -> None:  # noqa: FBT001
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    farewell = Farewell(answer)
    farewell.leaving = leaving
    await farewell(SCOPE, nothing, send)
    head, body = sent
    assert [(name.lower(), value) for name, value in head["headers"]] == [(b"x", b"y"), (b"connection", connection)]
    assert body == {"type": "http.response.body", "body": b"bytes"}


def test_the_door_keeps_an_idle_connection_for_less_than_a_server_takes_to_leave() -> None:
    assert stream._KEEP_ALIVE + 1 < LAME_DUCK
