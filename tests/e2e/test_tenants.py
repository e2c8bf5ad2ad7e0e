"""Two workspaces and three projects, used as people and training pods use them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.figures import Figure
from tests.support.installation import PROJECTS, Installation
from tests.support.services import PUBLIC_URL
from tests.support.site import Caller, error_of
from tests.support.wait import until

STORY = Path(__file__).parents[1] / "mlflow" / "client_story.py"


def test_every_project_says_that_it_is_ready_and_where(installation: Installation) -> None:
    printed = installation.cluster.kubectl("get", "projects", "-A", "--no-headers")
    rows = {tuple(line.split()[:2]): line for line in printed.splitlines()}
    for workspace, name in PROJECTS:
        row = rows[f"ws-{workspace}", name]
        assert " True " in row, row
        assert f"{PUBLIC_URL}/w/{workspace}/p/{name}" in row, row


def test_a_day_of_the_stock_client_works_from_a_pod_with_a_token_of_its_service_account(
    installation: Installation,
) -> None:
    succeeded, said = installation.train("story", STORY, "vision", "segmentation")
    assert succeeded, said[-4000:]


def test_a_day_of_the_stock_client_works_from_outside_with_a_personal_token(
    installation: Installation, tmp_path: Path
) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    environment |= {"MLFLOW_TRACKING_TOKEN": installation.token("alice"), "DO_NOT_TRACK": "true"}
    story = subprocess.run(
        [sys.executable, STORY, f"{PUBLIC_URL}/w/vision/p/detection", tmp_path],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert story.returncode == 0, story.stderr[-4000:]


def test_an_artifact_lies_in_the_bucket_of_its_project_alone(installation: Installation) -> None:
    alice = installation.caller("alice", "vision", "detection")
    run = alice.log_run(0.5)
    put = alice.ask("PUT", f"/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/note.txt", b"found again")
    assert put.status == 200, put
    s3 = installation.services.client()
    found = [
        (bucket["Name"], item["Key"])
        for bucket in s3.list_buckets()["Buckets"]
        for item in s3.list_objects_v2(Bucket=bucket["Name"]).get("Contents", ())
        if run in item["Key"]
    ]
    assert len(found) == 1, found
    assert "detection" in "/".join(found[0])


@pytest.mark.parametrize(
    ("username", "workspace", "project", "status"),
    [
        ("bob", "language", "translation", 200),
        ("bob", "vision", "detection", 403),
        ("carol", "vision", "detection", 403),
    ],
)
def test_only_who_was_granted_something_gets_in(
    installation: Installation, username: str, workspace: str, project: str, status: int
) -> None:
    answer = installation.caller(username, workspace, project).mlflow("GET", "experiments/get?experiment_id=0")
    assert answer.status == status, answer


def test_a_grant_that_was_taken_back_is_refused_within_a_second(installation: Installation, figure: Figure) -> None:
    """From the moment when the API server has accepted the change."""
    cluster, name = installation.cluster, ("project", "translation", "-n", "ws-language")
    grant = '{"spec": {"access": [{"role": "viewer", "users": ["carol@example.org"]}]}}'
    carol = installation.caller("carol", "language", "translation")

    def status() -> int:
        return carol.mlflow("GET", "experiments/get?experiment_id=0").status

    cluster.kubectl("patch", *name, "--type=merge", "-p", grant)
    until(lambda: status() == 200, deadline=30, what="the grant")
    cluster.kubectl("patch", *name, "--type=merge", "-p", '{"spec": {"access": []}}')
    begun = time.monotonic()
    until(lambda: status() == 403, deadline=30, what="the refusal")
    took = time.monotonic() - begun
    figure("from a revoked grant to the refusal", took)
    assert took <= 1


def test_nobody_gets_in_without_a_token(installation: Installation) -> None:
    stranger = Caller(PUBLIC_URL, "", "/w/vision/p/detection")
    assert error_of(stranger.mlflow("GET", "experiments/get?experiment_id=0"))[0] == 401
