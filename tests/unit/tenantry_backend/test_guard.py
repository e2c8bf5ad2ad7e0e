"""Who passes the guard, and what the application behind it sees."""

from __future__ import annotations

import json

import pytest
from starlette.types import Message, Receive, Scope, Send

from tenantry_backend.guard import Guard

SECRET = (b"x-tenantry-backend-secret", b"right")
HOST = (b"host", b"backend")


class Application:
    """Notes the scopes that reached it, and answers 200."""

    def __init__(self) -> None:
        self.scopes: list[Scope] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  the shape is ASGI's
        self.scopes.append(scope)
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})


def http(*headers: tuple[bytes, bytes], path: str = "/") -> Scope:
    return {"type": "http", "path": path, "headers": list(headers), "client": ("127.0.0.1", 5000)}


async def answers(application: Application, scope: Scope) -> list[Message]:
    sent: list[Message] = []

    async def receive() -> Message:
        raise AssertionError("the guard reads no body")

    async def send(message: Message) -> None:
        sent.append(message)

    await Guard(application, "right")(scope, receive, send)
    return sent


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (HOST,),
        ((b"x-tenantry-backend-secret", b""),),
        ((b"x-tenantry-backend-secret", b"wrong"),),
        ((b"x-tenantry-backend-secret", b"right "),),
        ((b"x-tenantry-backend-secret", b"righ"),),
        ((b"x-tenantry-backend-secret", b"RIGHT"),),
        ((b"x-tenantry-backend-secret", "ríght".encode()),),
        ((b"x-tenantry-backend", b"right"),),
        (SECRET, SECRET),
        (SECRET, (b"x-tenantry-backend-secret", b"wrong")),
        ((b"x-tenantry-backend-secret", b"wrong"), SECRET),
        (SECRET, (b"X-Tenantry-Backend-Secret", b"wrong")),
    ],
)
@pytest.mark.parametrize("path", ["/", "/health", "/version", "/api/2.0/mlflow/runs/get"])
async def test_refuses_whatever_does_not_carry_the_secret_once(
    headers: tuple[tuple[bytes, bytes], ...], path: str
) -> None:
    application = Application()
    start, body = await answers(application, http(*headers, path=path))
    assert start["status"] == 403
    assert json.loads(body["body"])["error_code"] == "PERMISSION_DENIED"
    assert dict(start["headers"])[b"content-length"] == str(len(body["body"])).encode()
    assert application.scopes == []


async def test_refuses_a_websocket_before_it_is_accepted() -> None:
    application = Application()
    assert await answers(application, {"type": "websocket", "path": "/", "headers": [HOST]}) == [
        {"type": "websocket.close", "code": 1008}
    ]
    assert application.scopes == []


async def test_refuses_what_it_does_not_know() -> None:
    application = Application()
    assert (await answers(application, {"type": "webtransport", "headers": []}))[0]["status"] == 403
    assert application.scopes == []


@pytest.mark.parametrize("kind", ["http", "websocket"])
async def test_the_application_sees_neither_the_secret_nor_who_called(kind: str) -> None:
    application = Application()
    await answers(application, http(HOST, SECRET) | {"type": kind})
    (seen,) = application.scopes
    assert seen["headers"] == [HOST]
    assert seen["client"] is None


async def test_the_name_of_the_header_has_no_case() -> None:
    application = Application()
    await answers(application, http((b"X-Tenantry-Backend-Secret", b"right")))
    assert application.scopes[0]["headers"] == []


async def test_lifespan_is_not_a_request() -> None:
    application = Application()
    await answers(application, {"type": "lifespan"})
    assert application.scopes == [{"type": "lifespan"}]


def test_a_guard_without_a_secret_is_not_made() -> None:
    with pytest.raises(ValueError, match="without a secret"):
        Guard(Application(), "")
