"""What is declared is what people get: added, edited, broken, deleted and back, at the door and in the data."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from bench.site import Site

from tests.support.recording import Answer
from tests.support.site import Caller, error_of, on_record
from tests.support.wait import until

MANIFEST = """
apiVersion: tenantry.dev/v1alpha1
kind: Project
metadata: {{name: {name}, namespace: ws-vision}}
spec:
  displayName: {name}
  owner: user:alice@example.org
  access: [{access}]
  deletionPolicy: {policy}
"""
BOB = "{role: contributor, users: [bob@example.org]}"
ASK = "experiments/search?max_results=1"


@pytest.fixture(scope="module")
def bob(site: Site) -> Caller:
    """Nobody in vision, but for what a project's own manifest grants."""
    return Caller(site.machine.url, site.token("bob"))


def declare(site: Site, name: str, access: str = BOB, policy: str = "Retain") -> Path:
    """Write the manifest of vision/`name`."""
    manifest = site.manifests / f"vision-{name}.yaml"
    manifest.write_text(MANIFEST.format(name=name, access=access, policy=policy))
    return manifest


def at(who: Caller, name: str) -> Caller:
    return replace(who, project=f"/w/vision/p/{name}")


def usable(who: Caller) -> None:
    """There is no manifest without the door's knowing of it, within seconds."""
    until(lambda: who.mlflow("GET", ASK).status == 200, deadline=30, what=f"{who.project} to answer")


def first_refusal(who: Caller, deadline: float) -> Answer:
    """Whatever is not a success, of requests in a row."""
    return until(
        lambda: answer if (answer := who.mlflow("GET", ASK)).status != 200 else None,
        deadline=deadline,
        what="a refusal",
    )


def with_artifact(who: Caller) -> str:
    """Return a run with an artifact that says so."""
    run = who.log_run(0.5)
    path = f"/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/note.txt"
    assert who.ask("PUT", path, run.encode()).status == 200
    return run


def artifact_of(who: Caller, run: str) -> Answer:
    return who.ask("GET", f"/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/note.txt")


def data_of(site: Site, name: str) -> tuple[int, int]:
    """How many databases and how many files of artifacts there are of the project."""
    databases = site.sql("SELECT 1 FROM pg_database WHERE datname = %s", f"tnt_vision_{name}")
    artifacts = (site.machine.state.operator / "artifacts").glob(f"vision/{name}/**/note.txt")
    return len(databases), len(list(artifacts))


def grants_of(site: Site, name: str) -> int:
    return len(site.sql("SELECT 1 FROM catalog.grant WHERE workspace = 'vision' AND project = %s", name))


def test_a_grant_taken_out_of_a_manifest_is_refused_within_a_second_of_its_commit(site: Site, bob: Caller) -> None:
    declare(site, "edited")
    here = at(bob, "edited")
    usable(here)
    declare(site, "edited", access="")
    until(lambda: grants_of(site, "edited") == 0, deadline=30, what="the operator to publish the edit")
    answer = first_refusal(here, deadline=1)
    assert error_of(answer) == (403, "PERMISSION_DENIED")
    (record,) = next(iter(on_record(site, [answer]).values()))
    assert (record["stage"], record["reason"], record["decision"]["allowed"]) == ("refusal", "no_grant", False)
    declare(site, "edited")
    usable(here)


def test_a_deleted_manifest_is_refused_and_its_data_comes_back_with_it(site: Site, alice: Caller, bob: Caller) -> None:
    manifest = declare(site, "kept")
    here = at(bob, "kept")
    usable(here)
    run = with_artifact(here)
    manifest.unlink()
    assert error_of(first_refusal(here, deadline=30)) == (403, "PERMISSION_DENIED")
    assert error_of(at(alice, "kept").mlflow("GET", ASK)) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert data_of(site, "kept") == (1, 1)
    declare(site, "kept")
    usable(here)
    assert here.loss_of(run) == 0.5
    assert artifact_of(here, run).body == run.encode()


def test_a_deleted_manifest_takes_the_data_along_if_it_said_so(site: Site, alice: Caller, bob: Caller) -> None:
    manifest = declare(site, "dropped", policy="Delete")
    usable(at(bob, "dropped"))
    run = with_artifact(at(bob, "dropped"))
    assert data_of(site, "dropped") == (1, 1)
    manifest.unlink()
    known = "SELECT 1 FROM catalog.project WHERE workspace = 'vision' AND name = 'dropped'"
    until(lambda: not site.sql(known), deadline=30, what="the project to be gone")
    assert data_of(site, "dropped") == (0, 0)
    assert not site.sql("SELECT 1 FROM pg_roles WHERE rolname = 'tnt_vision_dropped'")
    assert not (site.machine.state.operator / "artifacts" / "vision" / "dropped").exists()
    answers = {who: at(who, "dropped").mlflow("GET", ASK) for who in (alice, bob)}
    assert error_of(answers[bob]) == (403, "PERMISSION_DENIED")
    assert error_of(answers[alice]) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert [len(found) for found in on_record(site, answers.values()).values()] == [1, 1]
    declare(site, "dropped")
    usable(at(bob, "dropped"))
    assert at(bob, "dropped").mlflow("GET", f"runs/get?run_id={run}").status == 404
    assert artifact_of(at(bob, "dropped"), run).status == 404


# What is wrong, where, and the end of what is said.
BROKEN = {
    "role.yaml": (
        MANIFEST.format(name="role", access="{role: owner, users: [bob@example.org]}", policy="Retain"),
        "Project role spec.access[0].role",
        "contributor",
    ),
    "long.yaml": (MANIFEST.format(name="x" * 41, access="", policy="Retain"), "metadata.name", "40"),
    "version.yaml": (
        MANIFEST.format(name="version", access="", policy="Retain") + "  tracking: {version: 1.0.0}\n",
        "Project version spec.tracking.version",
        "3.17.2",
    ),
    "twice.yaml": (
        MANIFEST.format(name="detection", access="", policy="Delete"),
        "metadata.name",
        "project vision/detection is declared in vision.yaml already, which stays in force",
    ),
    "yaml.yaml": ("kind: [", "", "is not YAML"),
}


def test_broken_manifests_are_reported_with_file_field_and_reason_while_others_go_on(
    site: Site, alice: Caller, bob: Caller
) -> None:
    for file, (text, _, _) in BROKEN.items():
        (site.manifests / file).write_text(text)
    declare(site, "beside")
    usable(at(bob, "beside"))
    for file, (_, field, reason) in BROKEN.items():
        said = until(lambda file=file: refused_of(site, file), deadline=30, what=f"the operator to refuse {file}")
        assert said["field"].endswith(field), said
        assert reason in said["reason"], said
        (site.manifests / file).unlink()
    assert [at(alice, name).mlflow("GET", ASK).status for name in ("segmentation", "detection")] == [200, 200]
    assert [at(alice, name).mlflow("GET", ASK).status for name in ("role", "version")] == [404, 404]


def refused_of(site: Site, file: str) -> dict[str, str] | None:
    """What the operator's log says of the file."""
    lines = [json.loads(line) for line in site.machine.state.log("operator").read_text().splitlines()]
    return next((it for it in lines if it["event"] == "manifest refused" and it["file"] == file), None)
