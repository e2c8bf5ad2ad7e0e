"""What the stock client really sends is classified, and the canonical request gets the same answer as its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

import pytest

from tenantry_api.facts import Action, Kind, Refusal
from tests.support.backend import mlflow_database
from tests.support.mlflow import bare_mlflow
from tests.support.postgres import PostgresServer
from tests.support.recording import Answer, Exchange, recording_proxy, send
from tests.support.requests import accepted, classified

STORY = Path(__file__).with_name("client_story.py")
DOCUMENTS = json.loads(files("tenantry_api.classify").joinpath("mlflow_3_17_2.json").read_text())["documents"]
# Of each part of the story one call: if the client goes other ways, this test has to follow it.
EXPECTED = {
    "BatchGetTraces",
    "CreateAssessment",
    "CreateLoggedModel",
    "CreateModelVersion",
    "DeleteModelVersion",
    "DownloadArtifact",
    "ExportTraces",
    "GetModelVersionByAlias",
    "LogBatch",
    "SearchRuns",
    "SetRegisteredModelAlias",
    "StartTraceV3",
    "TransitionModelVersionStage",
    "UploadArtifact",
    "UpsertDatasetRecords",
}


@dataclass
class Comparison:
    """Fed by the proxy: each request is classified, and each read is asked a second time in its canonical form."""

    upstream: str
    operations: Counter[str] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)
    compared: int = 0

    def see(self, exchange: Exchange) -> None:
        asked = f"{exchange.path.decode()}?{exchange.query.decode()}"
        found = classified(exchange.method, asked, exchange.body, exchange.headers)
        if isinstance(found, Refusal):
            self.refused.append(f"{exchange.method} {asked}: {found.reason}: {found.message}")
            return
        self.operations[found.operation] += 1
        if found.kind in {Kind.READ, Kind.DOWNLOAD}:
            self.compared += 1
            answer = _send(self.upstream, found)
            if (answer.status, answer.body) != (exchange.answer.status, exchange.answer.body):
                self.different.append(f"{exchange.method} {asked} → {found.path}?{found.query}")


@pytest.fixture(scope="module")
def server(mlflow_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with (
        mlflow_database(mlflow_server) as database,
        bare_mlflow(database, tmp_path_factory.mktemp("client") / "artifacts") as url,
    ):
        yield url


@pytest.fixture(scope="module")
def comparison(server: str, tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    comparison = Comparison(server)
    scratch = tmp_path_factory.mktemp("story")
    with recording_proxy(server, comparison.see) as recording:
        command = [sys.executable, "-W", "ignore", str(STORY), recording.url, str(scratch)]
        environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "GIT_PYTHON_REFRESH": "quiet"}
        log = scratch / "story.log"
        with log.open("wb") as output:
            told = subprocess.run(
                command, check=False, env=environment, cwd=scratch, stdout=output, stderr=output, timeout=600
            )
    assert told.returncode == 0, log.read_text()[-3000:]
    return comparison


def test_nothing_that_the_stock_client_sends_is_refused(comparison: Comparison) -> None:
    assert comparison.refused == []
    assert comparison.operations.keys() >= EXPECTED


def test_the_canonical_request_gets_the_same_answer(comparison: Comparison) -> None:
    assert comparison.different == []
    assert comparison.compared > 100


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_mlflow_answers_the_ui_s_queries_as_we_print_them(server: str, name: str) -> None:
    made = _send(server, accepted("POST", "/api/2.0/mlflow/runs/create", {"experiment_id": "0"}))
    run = json.loads(made.body)["run"]["info"]["run_id"]
    variables = {
        "GetMetricHistoryBulkInterval": {"data": {"runIds": [run], "metricKey": "loss", "maxResults": 5}},
        "GetRun": {"data": {"runId": run}},
        "MlflowGetExperimentQuery": {"input": {"experimentId": "0"}},
        "SearchRuns": {"data": {"filter": "", "experimentIds": ["0"]}},
    }
    body = {"operationName": name, "query": DOCUMENTS[name], "variables": variables[name]}
    answer = _send(server, accepted("POST", "/graphql", body))
    assert (answer.status, json.loads(answer.body)["errors"]) == (200, None)


def _send(upstream: str, action: Action) -> Answer:
    headers = dict(action.headers) | ({"content-type": action.content_type} if action.content_type else {})
    target = f"{action.path}?{action.query}" if action.query else action.path
    return send(upstream, action.method, target, headers, action.body)
