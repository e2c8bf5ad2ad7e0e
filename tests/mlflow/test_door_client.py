"""The stock MLflow client through the door, against a real MLflow: nothing special-cased, everything recorded once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any

import httpx2
import pytest

from tests.support.door import CatalogRows, door_settings, running_door
from tests.support.mlflow import bare_mlflow, need_mlflow
from tests.support.postgres import CatalogDatabase
from tests.support.wait import until
from tests.support.workload import AUDIENCE, CLUSTER, new_rsa_signer

ALICE, BOB = "alice@example.org", "bob@example.org"
POD = new_rsa_signer()
STORY = Path(__file__).with_name("client_story.py")


@dataclass(frozen=True)
class Project:
    """A project with a real MLflow behind a real door, two people who may promote in it, and a model's name to use."""

    rows: CatalogRows
    door: str
    tokens: dict[str, str]
    name: str

    @property
    def tracking_uri(self) -> str:
        return f"{self.door}/w/vision/p/segmentation"

    def call(self, who: str, method: str, path: str, **arguments: Any) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {self.tokens[who]}"} | arguments.pop("headers", {})
        return httpx2.request(method, path, headers=headers, timeout=60, **arguments)

    def mlflow(self, who: str, method: str, call: str, **arguments: Any) -> httpx2.Response:
        return self.call(who, method, f"{self.tracking_uri}/api/2.0/mlflow/{call}", **arguments)

    def alias(self, who: str, method: str, alias: str, *, if_match: str | None = None, **body: Any) -> httpx2.Response:
        path = f"/api/v1/workspaces/vision/projects/segmentation/models/{self.name}/aliases/{alias}"
        headers = {} if if_match is None else {"If-Match": if_match}
        return self.call(who, method, f"{self.door}{path}", headers=headers, json=body)

    def model(self, versions: int) -> None:
        """Register the model, with so many versions."""
        run = self.mlflow(ALICE, "POST", "runs/create", json={"experiment_id": "0"}).json()["run"]["info"]["run_id"]
        self.mlflow(ALICE, "POST", "registered-models/create", json={"name": self.name}).raise_for_status()
        for _ in range(versions):
            made = {"name": self.name, "source": f"runs:/{run}/model", "run_id": run}
            answer = self.mlflow(ALICE, "POST", "model-versions/create", json=made)
            assert answer.status_code == 200, answer.text

    def promotions(self, count: int) -> list[dict[str, Any]]:
        """The outcomes of promotions, once there are so many."""

        def found() -> list[dict[str, Any]] | None:
            events = [e for e in self.rows.events("vision") if e["stage"] == "outcome" and "details" in e]
            return events if len(events) >= count else None

        return until(found, what=f"{count} promotions on record")


@pytest.fixture(scope="module")
def mlflow_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One for all tests of this file, since it takes seconds to start."""
    need_mlflow()
    home = tmp_path_factory.mktemp("mlflow")
    with bare_mlflow(f"sqlite:///{home}/mlflow.db", home / "artifacts") as url:
        yield url


@pytest.fixture
def project(catalog: CatalogDatabase, mlflow_url: str, tmp_path: Path) -> Iterator[Project]:
    rows = CatalogRows(catalog)
    rows.project("vision", "segmentation")
    rows.backend("vision", "segmentation", mlflow_url)
    for who in (ALICE, BOB):
        rows.grant("vision", "promoter", who)
    rows.publish_key(CLUSTER, POD.kid, POD.public)
    rows.grant("vision", "promoter", "train/runner", kind="serviceAccount")
    with running_door(door_settings(rows.catalog, tmp_path, workload_audience=AUDIENCE)) as door:
        tokens = {who: rows.token(who) for who in (ALICE, BOB)}
        yield Project(rows, door, tokens, f"digits-{token_hex(4)}")


def test_a_day_of_the_stock_client_works_and_is_recorded_request_by_request(project: Project, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    environment |= {"MLFLOW_TRACKING_TOKEN": project.tokens[ALICE], "DO_NOT_TRACK": "true"}
    story = subprocess.run(
        [sys.executable, STORY, project.tracking_uri, tmp_path],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert story.returncode == 0, story.stderr[-4000:]
    served = served_by(project.door)
    events = until(lambda: found if ids(found := project.rows.events("vision")) >= served else None, what="the record")
    assert ids(events) == served
    stages = Counter(event["stage"] for event in events)
    assert stages["intent"] == stages["outcome"]
    assert stages["intent"] + stages["refusal"] == served


LOGS_A_RUN = """
import mlflow
with mlflow.start_run() as run:
    mlflow.log_metric("loss", 0.5)
    mlflow.log_text("written by a pod", "note.txt")
assert mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/note.txt") == "written by a pod"
"""


@pytest.mark.parametrize(
    "shows",
    [
        {"MLFLOW_TRACKING_TOKEN": POD.token()},
        {"MLFLOW_TRACKING_USERNAME": "pod", "MLFLOW_TRACKING_PASSWORD": POD.token()},
    ],
    ids=["bearer", "basic"],
)
def test_a_pod_logs_with_the_token_of_its_service_account(project: Project, shows: dict[str, str]) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    environment |= shows | {"MLFLOW_TRACKING_URI": project.tracking_uri, "DO_NOT_TRACK": "true"}
    logs = [sys.executable, "-W", "ignore", "-c", LOGS_A_RUN]
    ran = subprocess.run(logs, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-4000:]
    operations = until(
        lambda: found if "DownloadArtifact" in (found := _done_by(project, "train/runner")) else None, what="the record"
    )
    assert operations >= {"CreateRun", "LogMetric", "UploadArtifact", "UpdateRun"}


def test_the_client_tries_again_until_a_sleeping_project_is_up(
    catalog: CatalogDatabase, mlflow_url: str, tmp_path: Path
) -> None:
    """The bound is far shorter than the start: it is told to try again, and when."""
    rows = CatalogRows(catalog)
    rows.project("vision", "segmentation")
    rows.backend("vision", "segmentation", None)
    rows.grant("vision", "contributor", ALICE)
    with running_door(door_settings(catalog, tmp_path, wake_timeout=0.2)) as door:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
        environment |= {"MLFLOW_TRACKING_URI": f"{door}/w/vision/p/segmentation", "DO_NOT_TRACK": "true"}
        environment |= {"MLFLOW_TRACKING_TOKEN": rows.token(ALICE)}
        logs = [sys.executable, "-W", "ignore", "-c", LOGS_A_RUN]
        with subprocess.Popen(logs, env=environment, stderr=subprocess.PIPE, text=True) as client:
            until(lambda: 503 in _statuses(rows), deadline=60, what="the first that was told to try again")
            rows.backend("vision", "segmentation", mlflow_url)
            _, complaint = client.communicate(timeout=120)
    assert client.returncode == 0, complaint[-4000:]


def _statuses(rows: CatalogRows) -> set[object]:
    return {event.get("status") for event in rows.events("vision")}


def _done_by(project: Project, name: str) -> set[str]:
    return {event["operation"] for event in project.rows.events("vision") if event["actor"]["name"] == name}


def served_by(door: str) -> int:
    lines = httpx2.get(f"{door}/metrics").text.splitlines()
    return int(sum(float(line.split()[-1]) for line in lines if line.startswith("tenantry_requests_total{")))


def ids(events: list[dict[str, Any]]) -> int:
    return len({event["id"] for event in events})


def test_a_promotion_by_the_stock_client_is_recorded_with_its_holder_before_and_after(project: Project) -> None:
    project.model(versions=2)
    for version in ("1", "2"):
        moved = {"name": project.name, "alias": "champion", "version": version}
        project.mlflow(ALICE, "POST", "registered-models/alias", json=moved).raise_for_status()
    taken = {"name": project.name, "alias": "champion"}
    project.mlflow(BOB, "DELETE", "registered-models/alias", json=taken).raise_for_status()
    told = [
        (e["actor"]["name"], e["details"]["alias"], e["details"]["version_before"], e["details"]["version_after"])
        for e in project.promotions(3)
    ]
    assert told == [(ALICE, "champion", None, "1"), (ALICE, "champion", "1", "2"), (BOB, "champion", "2", None)]


def test_our_api_moves_an_alias_from_the_version_that_the_caller_saw(project: Project) -> None:
    project.model(versions=2)
    first = project.alias(ALICE, "PUT", "champion", if_match='"none"', version="1", reason="the first")
    assert (first.status_code, first.headers["etag"]) == (200, '"1"')
    assert first.json() == {"model": project.name, "alias": "champion", "version": "1", "previous_version": None}
    late = project.alias(BOB, "PUT", "champion", if_match='"none"', version="2")
    assert (late.status_code, late.headers["content-type"]) == (412, "application/problem+json")
    assert late.json()["reason"] == "version_mismatch"
    gone = project.alias(BOB, "DELETE", "champion", if_match='"1"', reason="it was wrong")
    assert (gone.status_code, gone.json()["previous_version"], gone.json()["version"]) == (200, "1", None)
    names = ("if_match", "reason", "version_before", "version_after")
    told = [(e["status"], e["actor"]["name"], *(e["details"][name] for name in names)) for e in project.promotions(3)]
    assert told == [
        (200, ALICE, "none", "the first", None, "1"),
        (412, BOB, "none", None, "1", "1"),
        (200, BOB, "1", "it was wrong", "1", None),
    ]


@pytest.mark.parametrize(
    ("if_match", "body", "status", "reason"),
    [
        (None, {"version": "9"}, 404, "backend_refused"),
        ("*", {"version": "1"}, 422, "invalid_field"),
        (None, {"version": "one"}, 422, "invalid_field"),
        (None, {"version": "1", "why": "x"}, 422, "invalid_field"),
    ],
)
def test_our_api_says_what_is_wrong_with_a_promotion(
    project: Project, if_match: str | None, body: dict[str, str], status: int, reason: str
) -> None:
    project.model(versions=1)
    answer = project.alias(ALICE, "PUT", "champion", if_match=if_match, **body)
    assert (answer.status_code, answer.json()["reason"]) == (status, reason)


def test_a_project_may_ask_for_a_reason_and_for_the_right_to_promote(project: Project) -> None:
    project.model(versions=1)
    project.rows.execute("UPDATE catalog.project SET promotion = '{\"requireReason\": true}'")
    until(lambda: project.alias(ALICE, "PUT", "champion", version="1").status_code == 422, what="the new terms")
    answer = project.alias(ALICE, "PUT", "champion", version="1")
    assert answer.json()["reason"] == "reason_required"
    project.rows.execute("UPDATE catalog.\"grant\" SET role = 'contributor' WHERE subject = %s", BOB)
    until(lambda: project.alias(BOB, "PUT", "champion", version="1", reason="x").status_code == 403, what="the refusal")
    assert project.alias(ALICE, "PUT", "champion", version="1", reason="x").status_code == 200


def test_of_two_racing_promoters_exactly_one_wins_two_hundred_times(project: Project) -> None:
    project.model(versions=2)
    project.alias(ALICE, "PUT", "champion", version="1").raise_for_status()
    holder, races = "1", 200
    with ThreadPoolExecutor(2) as people:
        for _ in range(races):
            wanted = "2" if holder == "1" else "1"

            def race(who: str, seen: str = holder, wanted: str = wanted) -> int:
                return project.alias(who, "PUT", "champion", if_match=f'"{seen}"', version=wanted).status_code

            assert sorted(people.map(race, (ALICE, BOB))) == [200, 412]
            holder = wanted
    moves = project.promotions(2 * races + 1)[1:]
    assert Counter(move["status"] for move in moves) == {200: races, 412: races}
    held = "1"
    for move in (move["details"] for move in moves if move["status"] == 200):
        assert move["version_before"] == held
        held = move["version_after"]


def test_racing_stage_transitions_leave_one_version_in_production(project: Project) -> None:
    project.model(versions=2)

    def move(version: str) -> int:
        wanted = {"name": project.name, "version": version, "stage": "Production", "archive_existing_versions": True}
        return project.mlflow(ALICE, "POST", "model-versions/transition-stage", json=wanted).status_code

    for _ in range(20):
        with ThreadPoolExecutor(2) as people:
            assert list(people.map(move, ("1", "2"))) == [200, 200]
        found = project.mlflow(ALICE, "GET", "model-versions/search", params={"filter": f"name = '{project.name}'"})
        stages = [version["current_stage"] for version in found.json()["model_versions"]]
        assert (len(stages), stages.count("Production")) == (2, 1)
    told = project.promotions(40)
    assert {event["details"]["stage"] for event in told} == {"Production"}
    assert {event["details"]["version_after"] for event in told} == {"1", "2"}
