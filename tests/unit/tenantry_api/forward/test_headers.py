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

# What every answer has, whatever the backend says.
OWN = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-tenantry-request-id", b"42"),
    (b"content-security-policy", b"sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"),
]


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
        (b"Accept-Ranges", b"bytes"),
        (b"Cache-Control", b"no-cache"),
        (b"Content-Disposition", b'attachment; filename="a.csv"'),
        (b"Content-Encoding", b"gzip"),
        (b"Content-Length", b"9"),
        (b"Content-Range", b"bytes 0-9/99"),
        (b"Content-Type", b"application/json"),
        (b"ETag", b'"1"'),
        (b"Last-Modified", b"Sun, 06 Nov 1994 08:49:37 GMT"),
        (b"Retry-After", b"2"),
        (b"Vary", b"Accept-Encoding"),
    ],
)
def test_what_describes_a_body_comes_through(name: bytes, value: bytes) -> None:
    assert client_headers([(name, value)], request_id="42") == [(name.lower(), value), *OWN]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"Accept-CH", b"Sec-CH-UA-Model"),
        (b"Access-Control-Allow-Credentials", b"true"),
        (b"Access-Control-Allow-Origin", b"*"),
        (b"Activate-Storage-Access", b"load"),
        (b"Alt-Svc", b'h3="evil.example:443"'),
        (b"Clear-Site-Data", b'"*"'),
        (b"Connection", b"close"),
        (b"Content-Location", b"/w/b/p/y/"),
        (b"Content-Security-Policy", b"default-src *"),
        (b"Content-Security-Policy-Report-Only", b"default-src 'none'; report-uri https://evil.example"),
        (b"Content-Type", b"Multipart/X-Mixed-Replace; boundary=a"),
        (b"Cross-Origin-Opener-Policy", b"unsafe-none"),
        (b"Cross-Origin-Resource-Policy", b"cross-origin"),
        (b"Date", b"Sun, 06 Nov 1994 08:49:37 GMT"),
        (b"Keep-Alive", b"timeout=5"),
        (b"Link", b"</w/b/p/y/>; rel=preload; as=script"),
        (b"Location", b"http://10.0.0.1:5000/"),
        (b"NEL", b'{"report_to": "a", "max_age": 9}'),
        (b"No-Vary-Search", b"params"),
        (b"Origin-Agent-Cluster", b"?0"),
        (b"Permissions-Policy", b"camera=*"),
        (b"Proxy-Authenticate", b"Basic"),
        (b"Refresh", b"0; url=/w/b/p/y/"),
        (b"Report-To", b'{"group": "a", "max_age": 9, "endpoints": [{"url": "https://evil.example"}]}'),
        (b"Reporting-Endpoints", b'a="https://evil.example"'),
        (b"Sec-Session-Registration", b'(ES256); path="/w/a/p/x/"'),
        (b"Server", b"uvicorn"),
        (b"Service-Worker-Allowed", b"/"),
        (b"Set-Cookie", b"a=b"),
        (b"Set-Login", b"logged-out"),
        (b"SourceMap", b"/w/a/p/x/map"),
        (b"Speculation-Rules", b'"/w/a/p/x/rules"'),
        (b"Strict-Transport-Security", b"max-age=0"),
        (b"Trailer", b"Set-Cookie"),
        (b"Transfer-Encoding", b"chunked"),
        (b"Upgrade", b"websocket"),
        (b"Use-As-Dictionary", b'match="/*"'),
        (b"Via", b"1.1 evil"),
        (b"WWW-Authenticate", b"Basic"),
        (b"X-Content-Type-Options", b"no"),
        (b"X-Frame-Options", b"ALLOWALL"),
        (b"X-Tenantry-Anything", b"forged"),
        (b"X-Tenantry-Request-Id", b"forged"),
        (b"X-Whatever-Comes-Next", b"1"),
    ],
)
def test_a_backend_has_no_power_over_our_origin(name: bytes, value: bytes) -> None:
    assert client_headers([(name, value)], request_id="42") == OWN
