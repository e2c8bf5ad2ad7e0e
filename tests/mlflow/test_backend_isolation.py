"""Two projects' servers, driven by the stock client, do not see each other's runs and artifacts."""

from __future__ import annotations

import json
import re
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tenantry_operator.facts import DirectoryPlan
from tenantry_operator.provision.directories import Directories
from tenantry_operator.runtime.process import ProcessRuntime, own_uids_obstacle
from tests.support.backend import Calls, Lab, new_lab
from tests.support.mlflow_client import log_a_run

UID = 61234


def notes_below(directory: Path) -> list[str]:
    return [path.read_text() for path in directory.rglob("note.txt")]


def test_each_sees_its_own_runs_and_artifacts_only(new_server: Callable[[], Lab]) -> None:
    one, other = new_server(), new_server()
    seen = {lab.key: log_a_run(lab.running.address, lab.secret, lab.key.project) for lab in (one, other)}
    for lab in (one, other):
        assert seen[lab.key]["runs"] == [seen[lab.key]["run"]]
        assert seen[lab.key]["artifact"] == f"written by {lab.key.project}"
        assert notes_below(lab.plan.artifacts.directory) == [f"written by {lab.key.project}"]
    status, content = one.ask(f"/api/2.0/mlflow/runs/get?run_id={seen[other.key]['run']}")
    assert (status, json.loads(content)["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")


def test_a_stage_transition_archives_the_holder(new_server: Callable[[], Lab]) -> None:
    # MLflow compares a version's number with text here, which PostgreSQL takes from psycopg2 alone.
    lab, api = new_server(), "/api/2.0/mlflow"
    lab.ask(f"{api}/registered-models/create", {"name": "digits"})
    run = json.loads(lab.ask(f"{api}/runs/create", {"experiment_id": "0"})[1])["run"]["info"]
    of_run = {"name": "digits", "run_id": run["run_id"], "source": f"{run['artifact_uri']}/model"}
    for _ in range(2):
        assert lab.ask(f"{api}/model-versions/create", of_run)[0] == 200
    for version in ("1", "2"):
        move = {"name": "digits", "version": version, "stage": "Production", "archive_existing_versions": True}
        assert lab.ask(f"{api}/model-versions/transition-stage", move)[0] == 200
    held = json.loads(lab.ask(f"{api}/model-versions/search")[1])["model_versions"]
    assert {item["version"]: item["current_stage"] for item in held} == {"1": "Archived", "2": "Production"}


def test_the_secret_of_one_does_not_open_the_other(new_server: Callable[[], Lab]) -> None:
    one, other = new_server(), new_server()
    assert Lab(one.runtime, one.plan, other.running).ask("/health") == (200, b"OK")
    mixed = Lab(one.runtime, one.plan, type(one.running)(one.running.address, other.running.secret))
    assert mixed.ask("/health")[0] == 403


def test_a_server_is_one_process_that_can_gain_no_rights_and_leave_no_core(new_server: Callable[[], Lab]) -> None:
    process = Path(f"/proc/{new_server().pid}")
    assert (process / "task" / process.name / "children").read_text() == "", "no workers, no jobs"
    assert "NoNewPrivs:\t1" in (process / "status").read_text()
    assert re.search(r"^Max core file size +0 +0 ", (process / "limits").read_text(), re.MULTILINE)
    assert (process / "stat").read_text().rpartition(")")[2].split()[3] == process.name, "a session of its own"


def test_artifacts_are_private_to_their_owner_and_can_be_removed(runtime: ProcessRuntime, tmp_path: Path) -> None:
    plan = DirectoryPlan(tmp_path / "vision" / "segmentation", None)
    for _ in range(2):
        Directories().ensure(plan)
    assert stat.S_IMODE(plan.directory.stat().st_mode) == 0o700
    (plan.directory / "kept.txt").write_text("bytes")
    for _ in range(2):
        Directories().remove(plan)
    assert not plan.directory.exists()


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """A way that every user may walk; pytest's own directories are closed."""
    with tempfile.TemporaryDirectory(prefix="tenantry-") as home:
        Path(home).chmod(0o711)
        yield Path(home)


def test_a_server_runs_under_a_user_of_its_own(
    calls: Calls, new_database: Callable[[], str], open_directory: Path
) -> None:
    if obstacle := own_uids_obstacle(open_directory):
        pytest.skip(f"no users of their own here: {obstacle}")
    with (
        ProcessRuntime(open_directory, on_exit=calls.on_exit, on_recovery=calls.on_recovery) as runtime,
        new_lab(runtime, open_directory, new_database(), uid=UID) as lab,
    ):
        assert log_a_run(lab.running.address, lab.secret, "own")["artifact"] == "written by own"
        assert f"Uid:\t{UID}\t{UID}\t{UID}\t{UID}" in Path(f"/proc/{lab.pid}/status").read_text()
        assert {path.stat().st_uid for path in lab.plan.artifacts.directory.rglob("*")} == {UID}
