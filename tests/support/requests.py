"""Short words for the requests that tests of `classify` are made of."""

from __future__ import annotations

import functools
import json

from tenantry_api.classify import Body, Match, RouteTable, finish, load_table, match, parse_target
from tenantry_api.facts import Action, Refusal, Target

__all__ = ["RUN", "accepted", "classified", "json_headers", "matched", "refused", "table"]

RUN = "0123456789abcdef0123456789abcdef"

Headers = tuple[tuple[bytes, bytes], ...]


@functools.cache
def table() -> RouteTable:
    return load_table("3.17.2")


def json_headers(body: bytes) -> Headers:
    return ((b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()))


def matched(method: str, address: str, headers: Headers = ()) -> Match | Refusal:
    """`address` is the path below the project, with its query, percent-encoded as it would be on the wire."""
    path, _, query = address.encode().partition(b"?")
    target = parse_target(b"/w/vision/p/segmentation" + path)
    if not isinstance(target, Target):
        assert target is not None
        return target
    return match(table(), method, target, query, headers)


def classified(method: str, address: str, body: object = None, headers: Headers | None = None) -> Action | Refusal:
    """The whole of it; a body that is not bytes yet is sent as JSON."""
    sent = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    given = headers if headers is not None else json_headers(sent) if sent is not None else ()
    found = matched(method, address, given)
    if isinstance(found, Refusal):
        return found
    return finish(found, sent if found.body in {Body.JSON, Body.RAW} else None)


def accepted(method: str, address: str, body: object = None, headers: Headers | None = None) -> Action:
    action = classified(method, address, body, headers)
    assert isinstance(action, Action), action
    return action


def refused(method: str, address: str, body: object = None, headers: Headers | None = None) -> Refusal:
    refusal = classified(method, address, body, headers)
    assert isinstance(refusal, Refusal), refusal
    return refusal
