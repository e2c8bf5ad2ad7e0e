"""Which headers cross the door."""

from __future__ import annotations

import pytest

from tenantry_api.facts import Action, Kind, Permission
from tenantry_api.forward.headers import backend_headers, client_headers

READ = Action(Kind.READ, Permission.TRACKING_READ, "GetRun", "GET", "/")
TRACES = Action(
    Kind.MUTATION,
    Permission.TRACKING_WRITE,
    "ExportTraces",
    "POST",
    "/v1/traces",
    content_type="application/x-protobuf",
    content_length=7,
    headers=(("x-mlflow-experiment-id", "4"),),
)


@pytest.mark.parametrize(
    "name",
    [
        "authorization",
        "connection",
        "content-length",
        "content-type",
        "cookie",
        "forwarded",
        "host",
        "origin",
        "proxy-authorization",
        "transfer-encoding",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-mlflow-authorization",
        "x-mlflow-experiment-id",
        "x-mlflow-workspace",
        "x-remote-user",
        "x-tenantry-backend-secret",
    ],
)
def test_a_header_that_could_speak_for_somebody_never_arrives(name: str) -> None:
    assert backend_headers([(name.encode(), b"evil")], READ, "s3cret") == [("x-tenantry-backend-secret", "s3cret")]


def test_the_body_is_described_by_what_we_send_not_by_what_we_received() -> None:
    received = [(b"accept", b"*/*"), (b"content-length", b"9"), (b"x-mlflow-experiment-id", b"5")]
    assert backend_headers(received, TRACES, "s3cret") == [
        ("accept", "*/*"),
        ("x-tenantry-backend-secret", "s3cret"),
        ("x-mlflow-experiment-id", "4"),
        ("content-type", "application/x-protobuf"),
        ("content-length", "7"),
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"Access-Control-Allow-Origin", b"*"),
        (b"Clear-Site-Data", b'"*"'),
        (b"Connection", b"close"),
        (b"Keep-Alive", b"timeout=5"),
        (b"Location", b"http://10.0.0.1:5000/"),
        (b"Server", b"uvicorn"),
        (b"Service-Worker-Allowed", b"/"),
        (b"Set-Cookie", b"a=b"),
        (b"Transfer-Encoding", b"chunked"),
        (b"WWW-Authenticate", b"Basic"),
        (b"X-Tenantry-Anything", b"forged"),
    ],
)
def test_a_backend_has_no_power_over_our_origin(name: bytes, value: bytes) -> None:
    got = client_headers([(name, value)], request_id="42", sandbox=False)
    assert got == [(b"x-content-type-options", b"nosniff"), (b"x-tenantry-request-id", b"42")]


def test_what_connection_names_is_for_one_hop() -> None:
    received = [(b"Connection", b"close, X-Hop"), (b"X-Hop", b"1"), (b"X-End", b"2")]
    assert client_headers(received, request_id="42", sandbox=False)[0] == (b"x-end", b"2")
    assert (b"x-hop", b"1") not in client_headers(received, request_id="42", sandbox=False)


def test_an_artifact_brings_no_policy_of_its_own() -> None:
    received = [(b"Content-Security-Policy", b"default-src *"), (b"Content-Type", b"text/html")]
    got = dict(client_headers(received, request_id="42", sandbox=True))
    assert got[b"content-security-policy"].startswith(b"sandbox; default-src 'none'")
    assert got[b"content-type"] == b"text/html"
