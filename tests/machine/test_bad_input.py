"""What two parsers could read differently, and what is not served: one clear error and one record each, no more."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from bench.site import Site

from tests.support.site import Caller, error_of, id_of, on_record

API = "/api/2.0/mlflow"
RUN = "0123456789abcdef0123456789abcdef"
JSON = {"Content-Type": "application/json"}
ARTIFACT = f"/api/2.0/mlflow-artifacts/artifacts/0/{RUN}/artifacts/a.txt"


@dataclass(frozen=True)
class Bad:
    """A request, and what is said of it. `log` is where it is recorded: what has no project belongs to no workspace."""

    method: str
    path: str
    status: int
    code: str
    reason: str
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    log: str = "vision"


def chunked(body: bytes) -> bytes:
    return b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


CREATE = b'{"experiment_id": "0"}'
BAD = {
    "an unknown route": Bad("GET", f"{API}/nonsense", 404, "ENDPOINT_NOT_FOUND", "unknown_route"),
    "an unknown method": Bad("PROPFIND", f"{API}/runs/get", 405, "ENDPOINT_NOT_FOUND", "method_not_allowed"),
    "the wrong method": Bad("DELETE", f"{API}/runs/get", 405, "ENDPOINT_NOT_FOUND", "method_not_allowed"),
    "an encoded slash": Bad(
        "GET", f"{API}/runs%2Fget", 400, "MALFORMED_REQUEST", "path_encoded_slash", log="_installation"
    ),
    "an encoded backslash": Bad(
        "GET", f"{API}/runs%5cget", 400, "MALFORMED_REQUEST", "path_encoded_slash", log="_installation"
    ),
    "dot segments": Bad(
        "GET", "/../detection" + API + "/runs/get", 400, "MALFORMED_REQUEST", "path_segment", log="_installation"
    ),
    "encoded dot segments": Bad(
        "GET", "/%2e%2E/detection" + API + "/runs/get", 400, "MALFORMED_REQUEST", "path_segment", log="_installation"
    ),
    "an empty segment": Bad("GET", f"/{API}/runs/get", 400, "MALFORMED_REQUEST", "path_segment", log="_installation"),
    "a NUL": Bad("GET", f"{API}/runs/get%00", 400, "MALFORMED_REQUEST", "path_character", log="_installation"),
    "a path that is not UTF-8": Bad(
        "GET", f"{API}/runs/%ff", 400, "MALFORMED_REQUEST", "path_encoding", log="_installation"
    ),
    "a query key twice": Bad(
        "GET", f"{API}/runs/get?run_id={RUN}&run_id={RUN}", 400, "MALFORMED_REQUEST", "duplicate_parameter"
    ),
    "a query key twice, once encoded": Bad(
        "GET", f"{API}/runs/get?run_id={RUN}&run%5fid={RUN}", 400, "MALFORMED_REQUEST", "duplicate_parameter"
    ),
    "an unknown query key": Bad(
        "GET", f"{API}/runs/get?run_id={RUN}&Run_Id={RUN}", 400, "INVALID_PARAMETER_VALUE", "unknown_parameter"
    ),
    "two spellings of an id": Bad(
        "GET", f"{API}/runs/get?run_id={RUN}&run_uuid={RUN[::-1]}", 400, "INVALID_PARAMETER_VALUE", "two_spellings"
    ),
    "two spellings of an id in a body": Bad(
        "POST",
        f"{API}/runs/set-tag",
        400,
        "INVALID_PARAMETER_VALUE",
        "two_spellings",
        json.dumps({"run_id": RUN, "run_uuid": RUN[::-1], "key": "k", "value": "v"}).encode(),
        JSON,
    ),
    "a JSON key twice": Bad(
        "POST",
        f"{API}/runs/create",
        400,
        "MALFORMED_REQUEST",
        "duplicate_key",
        b'{"experiment_id": "0", "experiment_id": "1"}',
        JSON,
    ),
    "a JSON key twice, further down": Bad(
        "POST",
        f"{API}/runs/create",
        400,
        "MALFORMED_REQUEST",
        "duplicate_key",
        b'{"experiment_id": "0", "tags": [{"key": "a", "key": "b", "value": "c"}]}',
        JSON,
    ),
    "an unknown JSON key": Bad(
        "POST",
        f"{API}/runs/create",
        400,
        "INVALID_PARAMETER_VALUE",
        "unknown_field",
        b'{"experiment_id": "0", "owner": "x"}',
        JSON,
    ),
    "no JSON": Bad("POST", f"{API}/runs/create", 400, "MALFORMED_REQUEST", "json", b"experiment_id=0", JSON),
    "JSON by another name": Bad(
        "POST", f"{API}/runs/create", 415, "MALFORMED_REQUEST", "content_type", CREATE, {"Content-Type": "text/plain"}
    ),
    "compressed JSON": Bad(
        "POST",
        f"{API}/runs/create",
        415,
        "MALFORMED_REQUEST",
        "content_encoding",
        CREATE,
        {**JSON, "Content-Encoding": "gzip"},
    ),
    "a query beside a JSON body": Bad(
        "POST", f"{API}/runs/create?experiment_id=1", 400, "MALFORMED_REQUEST", "query", CREATE, JSON
    ),
    "a JSON body on GET": Bad(
        "GET", f"{API}/runs/get?run_id={RUN}", 400, "MALFORMED_REQUEST", "body", b'{"run_id": "other"}', JSON
    ),
    "a chunked body": Bad(
        "POST",
        f"{API}/runs/create",
        411,
        "MALFORMED_REQUEST",
        "length_required",
        chunked(CREATE),
        {**JSON, "Transfer-Encoding": "chunked"},
    ),
    "a chunked body on GET": Bad(
        "GET",
        f"{API}/runs/get?run_id={RUN}",
        400,
        "MALFORMED_REQUEST",
        "body",
        chunked(b"{}"),
        {**JSON, "Transfer-Encoding": "chunked"},
    ),
    "a body over the limit": Bad(
        "POST",
        f"{API}/runs/create",
        413,
        "RESOURCE_LIMIT_EXCEEDED",
        "body_too_large",
        b" " * (16 * 2**20 + 1),
        JSON,
    ),
    "a chunked upload over the limit": Bad(
        "PUT",
        ARTIFACT,
        413,
        "RESOURCE_LIMIT_EXCEEDED",
        "body_too_large",
        chunked(b"x" * (2**20 + 1)),
        {"Transfer-Encoding": "chunked"},
    ),
    "a project that cannot be": Bad(
        "GET", "_x" + API + "/runs/get", 404, "ENDPOINT_NOT_FOUND", "address", log="_installation"
    ),
}


@pytest.fixture(scope="module")
def told(site: Site, alice: Caller) -> dict[str, tuple[int, str, list[dict[str, Any]]]]:
    """Status, code and all records of each."""
    answers = {name: alice.ask(bad.method, bad.path, bad.body, bad.headers) for name, bad in BAD.items()}
    records = on_record(site, answers.values())
    return {name: (*error_of(answer), records[id_of(answer)]) for name, answer in answers.items()}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_clear_error_and_one_record(
    told: dict[str, tuple[int, str, list[dict[str, Any]]]], name: str
) -> None:
    bad = BAD[name]
    status, code, records = told[name]
    assert (status, code) == (bad.status, bad.code)
    (record,) = records
    assert (record["stage"], record["status"], record["reason"]) == ("refusal", bad.status, bad.reason)
    assert (record["log"], record["actor"]["name"]) == (bad.log, "alice@example.org")
    assert record["path"] == f"/w/vision/p/segmentation{bad.path.partition('?')[0]}"


def test_a_server_never_ran_for_any_of_it(site: Site, told: dict[str, tuple[int, str, list[dict[str, Any]]]]) -> None:
    """Nothing was forwarded: the backends sleep as they did."""
    assert len(told) == len(BAD)
    assert site.servers() == []


def test_a_length_that_lies_costs_one_connection(site: Site, alice: Caller) -> None:
    """What cannot be framed at all never becomes a request, so it has no record; the door serves on."""
    answer = alice.ask("GET", f"{API}/runs/get?run_id={RUN}", None, {"Content-Length": "1, 2"})
    assert answer.status == 400
    assert site.machine.processes()["door"] > 0
    assert error_of(alice.ask("GET", f"{API}/nonsense"))[0] == 404
