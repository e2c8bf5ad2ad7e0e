# ruff: noqa: E501 - a row of a table is a line
"""Requests that MLflow reads otherwise than they look: it answers each of them, and the door refuses each."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from tests.support.backend import mlflow_database
from tests.support.mlflow import bare_mlflow
from tests.support.postgres import PostgresServer
from tests.support.requests import refused

JSON = (b"content-type", b"application/json")
API = "/api/2.0/mlflow"


@dataclass(frozen=True)
class Lab:
    url: str
    run: str
    trace: str


@pytest.fixture(scope="module")
def lab(mlflow_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with (
        mlflow_database(mlflow_server) as database,
        bare_mlflow(database, tmp_path_factory.mktemp("differentials") / "artifacts") as url,
    ):
        made = json.loads(_ask(url, "POST", f"{API}/runs/create", b'{"experiment_id":"0"}')[1])
        yield Lab(url, made["run"]["info"]["run_id"], _trace(url))


# Name → method, address and body with {run} and {trace} to fill in, MLflow's status, and the door's reason.
DIFFERENTIALS = {
    "parameters of a GET in a body": ("GET", f"{API}/runs/get", '{"run_id":"{run}"}', 200, "body"),
    "HEAD runs the view of GET": ("HEAD", "/version", None, 200, "method_not_allowed"),
    "the first of two": ("GET", f"{API}/runs/get?run_id={{run}}&run_id=x", None, 200, "duplicate_parameter"),
    "the old name beside the new": ("GET", f"{API}/runs/get?run_id={{run}}&run_uuid={'0' * 32}", None, 200, "two_spellings"),
    "a name that is not read": ("GET", f"{API}/runs/get?run_id={{run}}&runId=x", None, 200, "unknown_parameter"),
    "the last of two keys": ("POST", f"{API}/runs/restore", '{"run_id":"x","run_id":"{run}"}', 200, "duplicate_key"),
    "camelCase": ("POST", f"{API}/runs/search", '{"experimentIds":["0"],"maxResults":1}', 200, "unknown_field"),
    "JSON in JSON": ("POST", f"{API}/runs/search", '"{\\"experiment_ids\\":[\\"0\\"]}"', 200, "json_object"),
    "an id with zeros before it": ("GET", f"{API}/experiments/get?experiment_id=00", None, 200, "experiment_id"),
    "an id with a space before it": ("GET", f"{API}/experiments/get?experiment_id=%200", None, 200, "experiment_id"),
    "an id with a sign": ("GET", f"{API}/experiments/get?experiment_id=%2B0", None, 200, "experiment_id"),
    "an encoded slash": ("GET", "/api/2.0/mlflow/experiments%2Fsearch?max_results=1", None, 200, "path_encoded_slash"),
    "two slashes": ("GET", "/api//2.0/mlflow/experiments/search?max_results=1", None, 308, "path_segment"),
    "a place of one's own": ("POST", f"{API}/experiments/create", '{"name":"x","artifact_location":"file:///tmp/x"}', 200, "given_location"),
    "a trace's place": ("PATCH", "/api/3.0/mlflow/traces/{trace}/tags", '{"key":"mlflow.artifactLocation","value":"file:///"}', 200, "given_location"),
    "a name that is ignored": ("POST", f"{API}/runs/restore", '{"run_id":"{run}","x":1}', 200, "unknown_field"),
}  # fmt: skip


@pytest.mark.parametrize("name", DIFFERENTIALS)
def test_what_mlflow_reads_otherwise_is_refused(lab: Lab, name: str) -> None:
    method, address, body, status, reason = DIFFERENTIALS[name]
    target = _filled(address, lab)
    sent = None if body is None else _filled(body, lab).encode()
    assert _ask(lab.url, method, target, sent)[0] == status, "MLflow has changed: is the rule still needed?"
    assert refused(method, target, sent).reason == reason


def test_a_chunked_body_that_mlflow_reads_as_empty_is_refused(lab: Lab) -> None:
    status, answer = _ask(lab.url, "POST", f"{API}/experiments/create", iter([b'{"name":"chunked"}']))
    assert (status, json.loads(answer)["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    headers = (JSON, (b"transfer-encoding", b"chunked"))
    assert refused("POST", f"{API}/experiments/create", b"", headers).reason == "length_required"


def test_an_encoded_letter_is_read_alike(lab: Lab) -> None:
    assert _ask(lab.url, "GET", f"/%61pi/2.0/mlflow/runs/get?run_id={lab.run}", None)[0] == 200
    assert refused("GET", "/%61pi/2.0/mlflow/runs/get?run_id=x").operation == "GetRun"


def _filled(text: str, lab: Lab) -> str:
    return text.replace("{run}", lab.run).replace("{trace}", lab.trace)


def _trace(url: str) -> str:
    trace = "tr-" + "a" * 32
    location = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": "0"}}
    info = {"trace_id": trace, "trace_location": location, "request_time": "2026-01-01T00:00:00Z", "state": "OK"}
    status, answer = _ask(url, "POST", "/api/3.0/mlflow/traces", json.dumps({"trace": {"trace_info": info}}).encode())
    assert status == 200, answer
    return trace


def _ask(url: str, method: str, target: str, body: bytes | Iterator[bytes] | None) -> tuple[int, bytes]:
    """As it stands, with no client library that would make it better; an iterator is sent in chunks."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    headers = {"Content-Type": "application/json"} if body is not None else {}
    connection.request(method, target, body=body, headers=headers)
    response = connection.getresponse()
    answer = response.read()
    connection.close()
    return response.status, answer
