"""Whatever bytes arrive: `classify` answers, never raises; the unknown is refused; what it writes, it reads."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from tenantry_api.classify import Body, Match, finish, match, parse_target
from tenantry_api.classify.body import encode_json, parse_json
from tenantry_api.classify.path import encode_path
from tenantry_api.classify.policy import Allowance
from tenantry_api.facts import Action, Refusal, Target
from tests.support.requests import RUN, json_headers, table

ROUTES = [*table().literal.values(), *(route for routes in table().patterns.values() for route in routes)]
methods = st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "PROPFIND", ""])
names = st.sampled_from(
    [RUN, "7", "00", "..", "%2e", "a b", "é", "champion", "m-1", "tr-1", "x" * 40, "\x00", "mlflow"]
)


def _nested(leaves: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.recursive(
        st.none() | st.booleans() | st.text(max_size=8) | leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=8,
    )


values = _nested(st.integers() | st.floats() | names)
plain = _nested(st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False))
headers = st.lists(
    st.tuples(
        st.sampled_from(
            [
                b"content-length",
                b"content-type",
                b"transfer-encoding",
                b"content-encoding",
                b"x-mlflow-experiment-id",
                b"x-mlflow-run-id",
                b"cookie",
            ]
        ),
        st.sampled_from(
            [b"0", b"2", b"application/json", b"application/x-protobuf", b"chunked", b"gzip", b"7", b"\xff"]
        )
        | st.binary(max_size=6),
    ),
    max_size=5,
)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """JSON with the names of a real request and any values, JSON of anything, or any bytes."""
    fields = sorted({name for route in ROUTES for name in route.schema.fields})
    named = st.dictionaries(st.sampled_from(fields), values, max_size=5)
    return draw(st.binary(max_size=40) | (named | values).map(lambda value: json.dumps(value).encode()))


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, str, bytes, list[tuple[bytes, bytes]], bytes]:
    """A route of the table with any parameters, a body, and headers that say so or say something else."""
    route = draw(st.sampled_from(ROUTES))
    path = route.template
    for name in route.path_schema.fields:
        path = path.replace(f"{{{name}}}", draw(names)).replace(f"{{{name}:path}}", draw(names))
    pairs = st.tuples(st.sampled_from([*route.schema.fields, "unknown"]), names)
    query = "&".join(f"{name}={value}" for name, value in draw(st.lists(pairs, max_size=3))).encode()
    body = draw(bodies())
    sent = draw(st.just(list(json_headers(body))) | headers)
    return route.method, path, draw(st.just(query) | st.binary(max_size=12)), sent, body


@given(st.binary(max_size=80).map(lambda tail: b"/w/" + tail) | st.binary(max_size=80))
def test_any_address_is_a_target_a_refusal_or_nobody_s(raw: bytes) -> None:
    found = parse_target(raw)
    assert isinstance(found, Target | Refusal) or not raw.startswith(b"/w/")


@given(st.text(max_size=60))
def test_a_path_that_was_read_is_written_as_it_is_read_again(text: str) -> None:
    raw = f"/w/vision/p/segmentation/{encode_path(text.replace('/', ''))}"
    found = parse_target(raw.encode(errors="replace"))
    if isinstance(found, Target):
        again = parse_target(f"/w/vision/p/segmentation{encode_path(found.path)}".encode())
        assert again == found


@given(methods, st.text(max_size=60), st.binary(max_size=40), headers)
def test_an_address_that_mlflow_does_not_have_is_refused(
    method: str, path: str, query: bytes, sent: list[tuple[bytes, bytes]]
) -> None:
    found = match(table(), method, Target("vision", "segmentation", f"/unknown/{path}"), query, sent)
    assert isinstance(found, Refusal)


@given(requests())
def test_any_request_is_an_action_of_an_allowed_call_or_a_refusal(
    request: tuple[str, str, bytes, list[tuple[bytes, bytes]], bytes],
) -> None:
    method, path, query, sent, body = request
    target = parse_target(f"/w/vision/p/segmentation{encode_path(path)}".encode())
    found = match(table(), method, target, query, sent) if isinstance(target, Target) else target
    if not isinstance(found, Match):
        assert isinstance(found, Refusal)
        return
    assert isinstance(found.route.rule, Allowance)
    answer = finish(found, body if found.body in {Body.JSON, Body.RAW} else None)
    assert isinstance(answer, Refusal) or _again(found, answer) == answer


@given(plain)
def test_json_that_was_read_is_written_as_it_is_read_again(value: object) -> None:
    written = encode_json({"value": value})
    assert encode_json(parse_json(written)) == written


def _again(found: Match, action: Action) -> Action | Refusal:
    """What the canonical request means, had a client sent it."""
    target = parse_target(f"/w/vision/p/segmentation{action.path}".encode())
    assert isinstance(target, Target)
    sent = [(name.encode(), value.encode()) for name, value in action.headers]
    if action.content_length is not None:
        sent.append((b"content-length", str(action.content_length).encode()))
    if action.content_type is not None:
        sent.append((b"content-type", action.content_type.encode()))
    matched = match(table(), action.method, target, action.query.encode(), sent)
    assert isinstance(matched, Match), matched
    return finish(matched, action.body)
