import pytest

from tests.support.requests import RUN, accepted, json_headers, refused

LOG_BATCH = "/api/2.0/mlflow/runs/log-batch"
JSON = (b"content-type", b"application/json")
METRIC = {"key": "loss", "value": 0.5, "timestamp": 1_700_000_000_000, "step": 1}
NOT_JSON = [
    (b"[]", "json_object"),
    (b'"{}"', "json_object"),
    (b"null", "json_object"),
    (b"{", "json"),
    (b"{} {}", "json"),
    (b"{'run_id': 1}", "json"),
    (b'{"run_id": NaN}', "json_constant"),
    (b'{"run_id": "\xff"}', "json_encoding"),
    (b'\xef\xbb\xbf{"run_id": "x"}', "json"),
    (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "json_depth"),
    (b'{"tags": [{"key": "a", "value": "\\ud800"}]}', "json_value"),
    (b'{"metrics": [{"key": "a", "value": ' + b"9" * 5_000 + b"}]}", "json"),
    (b'{"metrics": [{"key": "a", "value": 99999999999999999999}]}', "json_value"),
    (b'{"run_id": "a", "run_id": "b"}', "duplicate_key"),
    (b'{"tags": [{"key": "a", "key": "b"}]}', "duplicate_key"),
    (b'{"run_id": "a", "run\\u005fid": "b"}', "duplicate_key"),
]
WRONG = [
    ({"run_id": RUN, "unknown": 1}, "unknown_field"),
    ({"runId": RUN}, "unknown_field"),
    ({"run_id": RUN, "runId": RUN}, "unknown_field"),
    ({"run_id": RUN, "metrics": [{**METRIC, "runId": RUN}]}, "unknown_field"),
    ({"run_id": 7}, "type"),
    ({"run_id": [RUN]}, "type"),
    ({"run_id": f" {RUN}"}, "run_id"),
    ({"metrics": METRIC}, "type"),
    ({"metrics": ["x"]}, "type"),
    ({"metrics": [{**METRIC, "value": "much"}]}, "type"),
    ({"metrics": [{**METRIC, "value": True}]}, "type"),
    ({"metrics": [{**METRIC, "step": 1.5}]}, "type"),
    ({"metrics": [{**METRIC, "step": "01"}]}, "type"),
    ({"metrics": [{**METRIC, "step": True}]}, "type"),
    ({"metrics": [{**METRIC, "timestamp": 2**63}]}, "type"),
    ({"metrics": [{**METRIC, "run_id": "other"}]}, "run_id"),
]
FRAMES = [
    (((b"transfer-encoding", b"chunked"), JSON), 411, "length_required"),
    ((JSON,), 411, "length_required"),
    (((b"transfer-encoding", b"chunked"), (b"content-length", b"2"), JSON), 400, "framing"),
    (((b"content-length", b"2"), (b"content-length", b"2"), JSON), 400, "duplicate_header"),
    (((b"content-length", b"-2"), JSON), 400, "content_length"),
    (((b"content-length", b"+2"), JSON), 400, "content_length"),
    (((b"content-length", b"2, 2"), JSON), 400, "content_length"),
    (((b"content-length", "²".encode("latin-1")), JSON), 400, "header_character"),
    (((b"content-length", b"9" * 30), JSON), 400, "content_length"),
    (((b"content-length", b"16777217"), JSON), 413, "body_too_large"),
    (((b"content-length", b"2"), JSON, (b"content-encoding", b"gzip")), 415, "content_encoding"),
    (((b"content-length", b"2"), (b"content-type", b"text/plain")), 415, "content_type"),
    (((b"content-length", b"2"),), 415, "content_type"),
    (((b"content-length", b"2"), JSON, JSON), 400, "duplicate_header"),
]


@pytest.mark.parametrize(("body", "reason"), NOT_JSON)
def test_a_body_that_two_parsers_could_read_differently_is_refused(body: bytes, reason: str) -> None:
    refusal = refused("POST", LOG_BATCH, body)
    assert (refusal.status, refusal.code, refusal.reason) == (400, "MALFORMED_REQUEST", reason)


@pytest.mark.parametrize(("body", "reason"), WRONG)
def test_a_value_that_mlflow_would_take_otherwise_or_ignore_is_refused(body: object, reason: str) -> None:
    refusal = refused("POST", LOG_BATCH, body)
    assert (refusal.status, refusal.code, refusal.reason) == (400, "INVALID_PARAMETER_VALUE", reason)


@pytest.mark.parametrize(("headers", "status", "reason"), FRAMES)
def test_a_body_says_its_length_and_what_it_is(
    headers: tuple[tuple[bytes, bytes], ...], status: int, reason: str
) -> None:
    refusal = refused("POST", LOG_BATCH, b"{}", headers)
    assert (refusal.status, refusal.reason) == (status, reason)


def test_a_body_that_is_longer_than_it_said_is_refused() -> None:
    refusal = refused("POST", LOG_BATCH, b" " * 16_777_217, json_headers(b"{}"))
    assert (refusal.status, refusal.reason) == (413, "body_too_large")


@pytest.mark.parametrize(
    "value", [0, -1, 0.1, 1e300, 5e-324, "NaN", "Infinity", "-Infinity", "1.5", "1e-3", 2**63 - 1, -(2**63)]
)
def test_every_number_that_the_client_writes_arrives_as_it_was(value: object) -> None:
    metrics = [{**METRIC, "value": value}]
    assert accepted("POST", LOG_BATCH, {"run_id": RUN, "metrics": metrics}).parameters["metrics"] == metrics


def test_the_body_is_written_again() -> None:
    action = accepted(
        "POST", LOG_BATCH, b'{ "run_id" :\n "%s", "tags": [{"key":"\\u00fc","value":"a\\/b"}] }' % RUN.encode()
    )
    assert action.body == b'{"run_id":"%s","tags":[{"key":"\xc3\xbc","value":"a/b"}]}' % RUN.encode()
    assert (action.content_type, action.content_length) == ("application/json", len(action.body))


def test_of_two_names_of_one_id_the_new_one_goes_upstream() -> None:
    body = {"run_id": RUN, "run_uuid": RUN, "key": "k", "value": "v"}
    assert "run_uuid" not in accepted("POST", "/api/2.0/mlflow/runs/set-tag", body).parameters
    old = {"run_uuid": RUN, "key": "k", "value": "v"}
    assert accepted("POST", "/api/2.0/mlflow/runs/set-tag", old).parameters["run_id"] == RUN
    assert refused("POST", "/api/2.0/mlflow/runs/set-tag", {**body, "run_uuid": RUN[::-1]}).reason == "two_spellings"


def test_free_values_may_hold_anything_but_numbers_that_change() -> None:
    address = "/api/3.0/mlflow/traces/tr-1/assessments"
    body = {"assessment": {"assessment_name": "a", "feedback": {"value": {"a": [1, None, {"b": 0.5}]}}}}
    assert accepted("POST", address, body).parameters == {**body, "trace_id": "tr-1"}
    refusal = refused("POST", address, b'{"assessment": {"feedback": {"value": [1e999]}}}')
    assert refusal.reason == "type"
    deep = b'{"assessment": {"feedback": {"value": ' + b"[" * 900 + b"]" * 900 + b"}}}"
    assert refused("POST", address, deep).status == 400
