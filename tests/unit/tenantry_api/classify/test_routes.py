# ruff: noqa: E501 - a row of a table is a line

import pytest

from tenantry_api.classify import Body, load_table
from tenantry_api.classify.framing import MAX_BUFFERED, MAX_CHUNKED, MAX_STREAMED
from tenantry_api.classify.routes import Match
from tenantry_api.facts import Kind
from tests.support.requests import RUN, accepted, json_headers, matched, refused

UPLOAD = ((b"content-length", b"6291456"), (b"content-type", b"text/plain"))
REST = "/api/2.0/mlflow"
V3 = "/api/3.0/mlflow"
GATEWAY = "/ajax-api/2.0/mlflow/gateway-proxy?gateway_path=api%2F2.0%2Fendpoints%2F"
FILES = "/api/2.0/mlflow-artifacts/artifacts"
# Address, body → operation, kind, permission, what the record names.
ACCEPTED = [
    ("GET", "/", None, "ui.index static project:open", ""),
    ("GET", "/?anything=goes", None, "ui.index static project:open", ""),
    ("GET", "/static-files/static/js/main.c2f5f8d4.js", None, "ui.static static project:open", ""),
    ("GET", "/health", None, "GetHealth read project:open", ""),
    ("GET", "/version", None, "GetVersion read project:open", ""),
    ("GET", f"{V3}/server-info", None, "GetServerInfo read project:open", ""),
    ("GET", "/ajax-api/3.0/mlflow/assistant/config", None, "GetAssistantConfig read project:open", ""),
    ("GET", GATEWAY, None, "ListGatewayEndpoints read project:open", ""),
    ("GET", "/ajax-api/3.0/mlflow/ui-telemetry", None, "ui.telemetry read project:open", ""),
    ("POST", f"{REST}/experiments/create", {"name": "digits"}, "CreateExperiment mutation tracking:write", "experiment_name:digits"),
    ("GET", f"{REST}/experiments/get-by-name?experiment_name=a%20b", None, "GetExperimentByName read tracking:read", "experiment_name:a b"),
    ("POST", f"{REST}/runs/create", {"experiment_id": "7"}, "CreateRun mutation tracking:write", "experiment:7"),
    ("GET", f"{REST}/runs/get?run_id={RUN}", None, "GetRun read tracking:read", f"run:{RUN}"),
    ("GET", f"{REST}/runs/get?run_uuid={RUN}&run_id={RUN}", None, "GetRun read tracking:read", f"run:{RUN}"),
    ("POST", f"{REST}/runs/search", {"experiment_ids": ["7", "8"]}, "SearchRuns read tracking:read", "experiment:7 experiment:8"),
    ("POST", f"{REST}/runs/delete", {"run_id": RUN}, "DeleteRun mutation tracking:write", f"run:{RUN}"),
    ("GET", f"{REST}/artifacts/list?run_id={RUN}&path=a%2Fb", None, "ListArtifacts read tracking:read", f"run:{RUN} artifact:a/b"),
    ("GET", f"{FILES}?path=7", None, "ListStoredArtifacts read tracking:read", "artifact:7"),
    ("GET", f"{FILES}/7/{RUN}/artifacts/a%20b.txt", None, "DownloadArtifact download artifact:download", f"artifact:7/{RUN}/artifacts/a b.txt"),
    ("DELETE", f"{FILES}/7/x", None, "DeleteArtifact mutation artifact:upload", "artifact:7/x"),
    ("GET", f"/get-artifact?path=a.txt&run_uuid={RUN}", None, "DownloadRunArtifact download artifact:download", f"run:{RUN} artifact:a.txt"),
    ("GET", "/model-versions/get-artifact?name=m&version=3&path=MLmodel", None, "DownloadModelVersionArtifact download artifact:download", "model:m version:m/3 artifact:MLmodel"),
    ("GET", "/ajax-api/3.0/mlflow/get-trace-artifact?request_id=tr-1", None, "DownloadTraceArtifact download artifact:download", "trace:tr-1"),
    ("POST", f"{REST}/registered-models/create", {"name": "m"}, "CreateRegisteredModel mutation model:register", "model:m"),
    ("POST", f"{REST}/model-versions/create", {"name": "m", "source": "models:/m-1", "model_id": "m-1"}, "CreateModelVersion mutation model:register", "model:m logged_model:m-1 source:models:/m-1"),
    ("POST", f"{REST}/model-versions/set-tag", {"name": "m", "version": "1", "key": "k", "value": "v"}, "SetModelVersionTag mutation model:register", "model:m version:m/1"),
    ("POST", f"{REST}/registered-models/alias", {"name": "m", "alias": "champion", "version": "3"}, "SetRegisteredModelAlias promotion model:promote", "model:m alias:m@champion version:m/3"),
    ("DELETE", f"{REST}/registered-models/alias", {"name": "m", "alias": "champion"}, "DeleteRegisteredModelAlias promotion model:promote", "model:m alias:m@champion"),
    ("GET", f"{REST}/registered-models/alias?name=m&alias=champion", None, "GetModelVersionByAlias read tracking:read", "model:m alias:m@champion"),
    ("POST", f"{REST}/model-versions/transition-stage", {"name": "m", "version": "3", "stage": "Production", "archive_existing_versions": True}, "TransitionModelVersionStage promotion model:promote", "model:m version:m/3"),
    ("DELETE", f"{REST}/model-versions/delete", {"name": "m", "version": "3"}, "DeleteModelVersion promotion model:promote", "model:m version:m/3"),
    ("POST", f"{REST}/registered-models/rename", {"name": "m", "new_name": "n"}, "RenameRegisteredModel promotion model:promote", "model:m model:n"),
    ("GET", f"{V3}/traces/tr-1", None, "GetTraceInfoV3 read tracking:read", "trace:tr-1"),
    ("GET", f"{V3}/traces/batchGet?trace_ids=tr-1&trace_ids=tr-2", None, "BatchGetTraces read tracking:read", "trace:tr-1 trace:tr-2"),
    ("POST", f"{V3}/traces/search", {"locations": [{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": "7"}}]}, "SearchTracesV3 read tracking:read", "experiment:7"),
    ("GET", f"{REST}/logged-models/m-1?allow_deleted=true", None, "GetLoggedModel read tracking:read", "logged_model:m-1"),
    ("DELETE", f"{V3}/datasets/d-1", None, "DeleteDataset mutation tracking:write", "dataset:d-1"),
    ("GET", f"/ajax-api/2.0/mlflow/metrics/get-history-bulk?run_id={RUN}&run_id={RUN}&metric_key=loss", None, "GetMetricHistoryBulk read tracking:read", f"run:{RUN}"),
]  # fmt: skip
REFUSED = [
    # Unknown, or known with another method.
    ("GET", "/nothing/here", None, 404, "unknown_route"),
    ("GET", "/static-files/static/js/main.00000000.js", None, 404, "unknown_file"),
    ("GET", "/static-files/../static-files/index.html", None, 400, "path_segment"),
    ("GET", "/signup", None, 404, "unknown_route"),
    ("GET", "/ajax-api/2.0/mlflow/users/current", None, 404, "unknown_route"),
    ("GET", f"{REST}/runs/get/?run_id={RUN}", None, 404, "unknown_route"),
    ("HEAD", f"{REST}/runs/get?run_id={RUN}", None, 405, "method_not_allowed"),
    ("OPTIONS", "/", None, 405, "method_not_allowed"),
    ("POST", f"{REST}/runs/get", {"run_id": RUN}, 405, "method_not_allowed"),
    ("TRACE", "/nothing/here", None, 404, "unknown_route"),
    # Known, and not part of the service.
    ("PUT", "/ajax-api/3.0/mlflow/assistant/config", {}, 404, "assistant"),
    ("POST", "/ajax-api/3.0/mlflow/ui-telemetry", {}, 404, "telemetry"),
    ("GET", f"{REST}/webhooks", None, 403, "webhooks"),
    ("POST", f"{REST}/webhooks", {"name": "x", "url": "http://169.254.169.254/"}, 403, "webhooks"),
    ("POST", "/api/2.0/mlflow-artifacts/mpu/create/7/x", {}, 403, "direct_storage"),
    ("GET", "/api/2.0/mlflow-artifacts/presigned/7/x", None, 403, "direct_storage"),
    ("POST", f"{REST}/artifacts/presigned-upload-url", {}, 403, "direct_storage"),
    ("GET", f"{V3}/gateway/endpoints/list", None, 403, "gateway"),
    ("POST", "/gateway/proxy/x/y", {}, 403, "gateway"),
    ("GET", "/ajax-api/2.0/mlflow/gateway-proxy?gateway_path=x", None, 403, "gateway"),
    ("GET", f"{GATEWAY}&json_data=%7B%7D", None, 403, "gateway"),
    ("POST", "/ajax-api/3.0/jobs/", {}, 403, "jobs"),
    ("POST", "/ajax-api/3.0/mlflow/scorer/invoke", {}, 403, "jobs"),
    ("GET", f"{V3}/mcp-servers", None, 403, "mcp_servers"),
    ("GET", f"{V3}/mcp-servers/a/b/versions/1", None, 403, "mcp_servers"),
    ("GET", f"{V3}/workspaces", None, 403, "workspaces"),
    # Parameters that MLflow would read otherwise than they look, or not at all.
    ("GET", f"{REST}/runs/get?run_id={RUN}&run_id={RUN}", None, 400, "duplicate_parameter"),
    ("GET", f"{REST}/runs/get?run_id={RUN}&run_uuid={RUN[::-1]}", None, 400, "two_spellings"),
    ("GET", f"{REST}/runs/get?runId={RUN}", None, 400, "unknown_parameter"),
    ("GET", f"{REST}/runs/get?run_id={RUN}&x=1", None, 400, "unknown_parameter"),
    ("GET", f"{REST}/runs/get?run_id={RUN}&", None, 400, "query"),
    ("GET", f"{REST}/runs/get?run_id", None, 400, "query"),
    ("GET", f"{REST}/runs/get?run_id=%zz", None, 400, "query_escape"),
    ("GET", f"{REST}/runs/get?run_id=%ff", None, 400, "query_encoding"),
    ("GET", f"{REST}/experiments/get-by-name?experiment_name=a%00", None, 400, "query_character"),
    ("GET", f"{REST}/experiments/search?filter={'x' * 65_536}", None, 414, "query_too_long"),
    ("GET", f"{REST}/runs/get?run_id=..", None, 400, "run_id"),
    ("GET", f"{REST}/runs/get?run_id={RUN.upper()}", None, 400, "run_id"),
    ("GET", f"{REST}/experiments/get?experiment_id=00", None, 400, "experiment_id"),
    ("GET", f"{REST}/experiments/get?experiment_id=%200", None, 400, "experiment_id"),
    ("GET", f"{REST}/experiments/get?experiment_id=%2B0", None, 400, "experiment_id"),
    ("GET", f"{REST}/experiments/search?max_results=ten", None, 400, "type"),
    ("GET", f"{REST}/experiments/search?view_type=SOME", None, 400, "type"),
    ("GET", f"{REST}/logged-models/m-1?allow_deleted=yes", None, 400, "type"),
    ("GET", f"{REST}/runs/get?run_id={RUN}", {"run_id": RUN}, 400, "body"),
    ("POST", f"{REST}/runs/delete?run_id={RUN}", {"run_id": RUN}, 400, "query"),
    ("PATCH", f"{V3}/traces/tr-1/tags", {"trace_id": "tr-2", "key": "k", "value": "v"}, 400, "two_places"),
    # Paths of artifacts.
    ("GET", f"/get-artifact?run_id={RUN}&path=../x", None, 400, "artifact_path"),
    ("GET", f"/get-artifact?run_id={RUN}&path=/etc/passwd", None, 400, "artifact_path"),
    ("GET", f"/get-artifact?run_id={RUN}&path=a/./b", None, 400, "artifact_path"),
    ("GET", f"/get-artifact?run_id={RUN}&path=a%5Cb", None, 400, "artifact_path"),
    ("GET", f"/get-artifact?run_id={RUN}&path=a%252e%252e", None, 400, "artifact_path"),
    ("GET", f"/get-artifact?run_id={RUN}&path=a%23b", None, 400, "artifact_path"),
    ("GET", f"/get-artifact?run_id={RUN}&path=FILE:x", None, 400, "artifact_path"),
    ("GET", f"{FILES}?path=./workspaces/other", None, 400, "artifact_path"),
    ("GET", f"{FILES}/./workspaces/other/x", None, 400, "path_segment"),
    ("GET", f"{FILES}/%2e/workspaces/other/x", None, 400, "path_segment"),
    ("DELETE", f"{FILES}/7/..%2F8", None, 400, "path_encoded_slash"),
    ("GET", f"{FILES}/7/%252e%252e/8", None, 400, "artifact_path"),
    ("GET", f"{FILES}/", None, 404, "unknown_route"),
    # Places that only the service may choose.
    ("POST", f"{REST}/experiments/create", {"name": "x", "artifact_location": "file:///etc"}, 403, "given_location"),
    ("POST", f"{REST}/model-versions/create", {"name": "m", "source": "file:///etc"}, 403, "model_source"),
    ("POST", f"{REST}/model-versions/create", {"name": "m", "source": "/etc"}, 403, "model_source"),
    ("POST", f"{REST}/model-versions/create", {"name": "m", "source": "s3://other/x"}, 403, "model_source"),
    ("POST", f"{REST}/model-versions/create", {"name": "m", "source": "mlflow-artifacts://host/x"}, 403, "model_source"),
    ("POST", f"{REST}/model-versions/create", {"name": "m", "source": "mlflow-artifacts:/a/../b"}, 400, "artifact_path"),
    ("PATCH", f"{V3}/traces/tr-1/tags", {"key": "mlflow.artifactLocation", "value": "file:///etc"}, 403, "given_location"),
    ("PATCH", f"{REST}/traces/tr-1/tags", {"key": "mlflow.artifactLocation", "value": "x"}, 403, "given_location"),
    ("POST", f"{V3}/traces", {"trace": {"trace_info": {"tags": {"mlflow.trace.archiveLocation": "x"}}}}, 403, "given_location"),
    ("POST", f"{REST}/traces", {"experiment_id": "7", "tags": [{"key": "mlflow.artifactLocation", "value": "x"}]}, 403, "given_location"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "address", "body", "means", "named"), ACCEPTED)
def test_a_known_request_says_what_it_is_needs_and_names(
    method: str, address: str, body: object, means: str, named: str
) -> None:
    action = accepted(method, address, body)
    assert f"{action.operation} {action.kind} {action.permission}" == means
    assert " ".join(f"{resource.kind}:{resource.id}" for resource in action.resources) == named


@pytest.mark.parametrize(("method", "address", "body", "status", "reason"), REFUSED)
def test_all_else_is_refused_with_a_reason(method: str, address: str, body: object, status: int, reason: str) -> None:
    refusal = refused(method, address, body)
    assert (refusal.status, refusal.reason) == (status, reason)
    assert len(refusal.message) < 600


@pytest.mark.parametrize("address", ["/", f"/get-artifact?run_id={RUN}&path=a.js", f"{REST}/runs/get?run_id={RUN}"])
def test_a_browser_that_asks_for_a_service_worker_gets_none(address: str) -> None:
    refusal = refused("GET", address, headers=((b"service-worker", b"script"),))
    assert (refusal.status, refusal.reason) == (403, "service_worker")


@pytest.mark.parametrize("prefix", ["/api/2.0", "/ajax-api/2.0"])
def test_the_twins_of_a_path_share_one_rule(prefix: str) -> None:
    assert accepted("GET", f"{prefix}/mlflow/runs/get?run_id={RUN}").operation == "GetRun"
    assert refused("GET", f"{prefix}/mlflow/webhooks").reason == "webhooks"


@pytest.mark.parametrize(
    ("method", "address", "headers", "body", "limit"),
    [
        ("GET", "/", (), Body.NONE, 0),
        ("POST", f"{REST}/runs/create", json_headers(b"{}"), Body.JSON, MAX_BUFFERED),
        ("PUT", f"{FILES}/7/x", UPLOAD, Body.STREAM, MAX_STREAMED),
        ("PUT", f"{FILES}/7/x", ((b"transfer-encoding", b"chunked"),), Body.RAW, MAX_CHUNKED),
        ("PUT", f"{FILES}/7/x", ((b"content-length", b"0"),), Body.STREAM, MAX_STREAMED),
        ("POST", "/v1/traces", ((b"content-length", b"9"), (b"x-mlflow-experiment-id", b"7")), Body.RAW, MAX_BUFFERED),
        ("DELETE", f"{REST}/logged-models/m-1", (), Body.JSON, MAX_BUFFERED),
    ],
)
def test_a_match_says_how_its_body_travels(
    method: str, address: str, headers: tuple[tuple[bytes, bytes], ...], body: Body, limit: int
) -> None:
    found = matched(method, address, headers)
    assert isinstance(found, Match)
    assert (found.body, found.max_body) == (body, limit)


def test_an_upload_keeps_its_length_and_its_type() -> None:
    action = accepted("PUT", f"{FILES}/7/a%20b", headers=UPLOAD)
    assert (action.kind, action.body, action.content_length) == (Kind.UPLOAD, None, 6_291_456)
    assert (action.path, action.content_type) == (f"{FILES}/7/a%20b", "text/plain")


def test_a_small_chunked_upload_gets_a_length() -> None:
    action = accepted("PUT", f"{FILES}/7/__init__.py", b"", ((b"transfer-encoding", b"chunked"),))
    assert (action.kind, action.body, action.content_length) == (Kind.UPLOAD, b"", 0)


@pytest.mark.parametrize(
    ("address", "name", "lasting"),
    [
        ("/", "index.html", False),
        ("/static-files/index.html", "index.html", False),
        ("/static-files/static/js/main.c2f5f8d4.js", "static/js/main.c2f5f8d4.js", True),
    ],
)
def test_a_request_for_the_ui_says_what_its_answer_has_to_be(address: str, name: str, lasting: bool) -> None:  # noqa: FBT001
    file = accepted("GET", address).file
    assert file is not None
    assert (file.mlflow, file.name, file.lasting) == ("3.17.2", name, lasting)
    assert sum(size for size, _ in file.pieces) == file.size


def test_a_refusal_names_the_operation_as_soon_as_it_is_known() -> None:
    assert refused("GET", f"{REST}/runs/get?run_id=x").operation == "GetRun"
    assert refused("GET", f"{REST}/webhooks").operation == "ListWebhooks"
    assert refused("GET", "/nothing").operation == "unknown"


def test_an_mlflow_that_is_not_supported_has_no_table() -> None:
    with pytest.raises(FileNotFoundError):
        load_table("2.0.0")
