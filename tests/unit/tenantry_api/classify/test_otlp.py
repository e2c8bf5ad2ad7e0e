import gzip
import zlib

import pytest

from tenantry_api.classify.framing import MAX_BUFFERED
from tenantry_api.facts import Resource
from tests.support.requests import RUN, accepted, refused

PROTOBUF = (b"content-type", b"application/x-protobuf")
EXPERIMENT = (b"x-mlflow-experiment-id", b"7")
SPANS = b"\x0a\x05spans"


def _headers(*more: tuple[bytes, bytes]) -> tuple[tuple[bytes, bytes], ...]:
    return ((b"content-length", b"9"), EXPERIMENT, *more)


def test_spans_pass_byte_for_byte_with_the_headers_that_say_where() -> None:
    action = accepted("POST", "/v1/traces", SPANS, _headers(PROTOBUF, (b"x-mlflow-run-id", RUN.encode())))
    assert (action.body, action.content_type, action.content_length) == (SPANS, "application/x-protobuf", len(SPANS))
    assert action.headers == (("x-mlflow-experiment-id", "7"), ("x-mlflow-run-id", RUN))
    assert action.resources == (Resource("experiment", "7"), Resource("run", RUN))


@pytest.mark.parametrize(
    ("encoding", "body"),
    [(b"gzip", gzip.compress(SPANS)), (b"deflate", zlib.compress(SPANS)), (b"GZIP", gzip.compress(SPANS))],
)
def test_compressed_spans_go_upstream_plain(encoding: bytes, body: bytes) -> None:
    action = accepted("POST", "/v1/traces", body, _headers(PROTOBUF, (b"content-encoding", encoding)))
    assert (action.body, action.content_length) == (SPANS, len(SPANS))
    assert "content-encoding" not in dict(action.headers)


TAG = b"\x0a\x27mlflow.traceTag.mlflow.artifactLocation\x12\x0bfile:///etc"
BOMB = gzip.compress(bytes(MAX_BUFFERED + 1))


@pytest.mark.parametrize(
    ("body", "headers", "status", "reason"),
    [
        (SPANS, ((b"content-length", b"9"), EXPERIMENT, (b"content-type", b"application/json")), 415, "content_type"),
        (SPANS, ((b"content-length", b"9"), EXPERIMENT), 415, "content_type"),
        (SPANS, ((b"content-length", b"9"), EXPERIMENT, EXPERIMENT, PROTOBUF), 400, "duplicate_header"),
        (SPANS, ((b"content-length", b"9"), (EXPERIMENT[0], b"07"), PROTOBUF), 400, "experiment_id"),
        (SPANS, _headers(PROTOBUF, (b"x-mlflow-run-id", b"x")), 400, "run_id"),
        (SPANS, _headers(PROTOBUF, (b"content-encoding", b"br")), 415, "content_encoding"),
        (SPANS, _headers(PROTOBUF, (b"content-encoding", b"gzip")), 400, "content_encoding"),
        (gzip.compress(SPANS)[:-4], _headers(PROTOBUF, (b"content-encoding", b"gzip")), 400, "content_encoding"),
        (gzip.compress(SPANS) * 2, _headers(PROTOBUF, (b"content-encoding", b"gzip")), 400, "content_encoding"),
        (BOMB, _headers(PROTOBUF, (b"content-encoding", b"gzip")), 413, "body_too_large"),
        (TAG, _headers(PROTOBUF), 403, "given_location"),
        (gzip.compress(TAG), _headers(PROTOBUF, (b"content-encoding", b"gzip")), 403, "given_location"),
        (SPANS, (EXPERIMENT, PROTOBUF, (b"transfer-encoding", b"chunked")), 411, "length_required"),
    ],
)
def test_spans_that_could_mean_more_than_they_show_are_refused(
    body: bytes, headers: tuple[tuple[bytes, bytes], ...], status: int, reason: str
) -> None:
    refusal = refused("POST", "/v1/traces", body, headers)
    assert (refusal.status, refusal.reason) == (status, reason)
