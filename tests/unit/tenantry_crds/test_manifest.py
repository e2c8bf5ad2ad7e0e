"""Manifests as people write them, and the exact words they get back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from tenantry_crds.manifest import InvalidManifest, parse
from tenantry_crds.meta import Annotation, DeletionPolicy, Effect, PolicyMode, Quantity, Role
from tenantry_crds.project import Gate, Isolation, Project, Size
from tenantry_crds.workspace import Workspace
from tests.support.manifests import INVALID, PROJECT, VALID, WORKSPACE, cel_messages, project

_SAMPLES = Path(__file__).parents[3] / "hack" / "samples"


def _problems(document: object) -> list[tuple[str, str]]:
    with pytest.raises(InvalidManifest) as caught:
        parse(document)
    return [tuple(problem) for problem in caught.value.problems]


@pytest.mark.parametrize("case", INVALID)
def test_says_which_field_is_wrong_and_what_to_do(case: str) -> None:
    document, field, reason = INVALID[case]
    assert _problems(document) == [(field, reason)]


def test_names_every_problem_at_once() -> None:
    document = project(name="Road", owner="bob", tracking={"version": "1.0"})
    assert _problems(document) == [
        INVALID["a name with a capital"][1:],
        INVALID["an owner of no kind"][1:],
        INVALID["an unsupported MLflow"][1:],
    ]


def test_reads_as_one_line() -> None:
    with pytest.raises(InvalidManifest, match=r"^spec\.owner is required: add it; spec\.onwer is not a known field"):
        parse(project() | {"spec": {"onwer": "group:a"}})


def test_a_line_has_an_end_whatever_is_wrong() -> None:
    crowd = [f"A{number}" for number in range(60)]
    with pytest.raises(InvalidManifest, match=r"^spec\.access\[0\]\.users\[0\] .*; and 50 more$") as caught:
        parse(project(access=[{"role": "viewer", "users": crowd}]))
    assert len(caught.value.problems) == 60


def test_every_message_of_the_api_server_is_one_that_the_table_shows() -> None:
    said = {f"{field} {reason}" for _, field, reason in INVALID.values()}
    # What cannot change can only be told from what it was; a single document has no past.
    expected = {message for message in cel_messages() if not message.endswith("data is found by it")}
    assert expected
    assert {message for message in expected if not any(text.endswith(message) for text in said)} == set()


def test_reads_a_workspace_in_full() -> None:
    parsed = parse(yaml.safe_load(WORKSPACE))
    assert isinstance(parsed, Workspace)
    assert (parsed.name, parsed.namespace) == ("vision", "ws-vision")
    assert parsed.metadata.annotated(Annotation.PAUSE)
    assert not parsed.metadata.annotated(Annotation.FENCE)
    assert [(grant.role, grant.effect) for grant in parsed.spec.access] == [
        (Role.ADMIN, Effect.ALLOW),
        (Role.VIEWER, Effect.DENY),
    ]
    assert (parsed.spec.quota.cpu, parsed.spec.quota.memory) == (Quantity.parse(8), Quantity.parse("32768Mi"))
    assert parsed.spec.defaults.hibernation.after == timedelta(hours=2)
    assert parsed.spec.defaults.policy is not None
    assert parsed.spec.defaults.policy.required_tags == ("project", "owner", "intent")
    assert parsed.spec.defaults.policy.mode is PolicyMode.WARN
    assert parsed.spec.deletion_policy is DeletionPolicy.ARCHIVE


def test_reads_a_project_in_full() -> None:
    parsed = parse(yaml.safe_load(PROJECT))
    assert isinstance(parsed, Project)
    assert (parsed.workspace, parsed.name, parsed.metadata.generation) == ("vision", "segmentation", 4)
    machine, reviewer = parsed.spec.access
    assert [(account.namespace, account.name) for account in machine.service_accounts] == [("train", "runner")]
    assert reviewer.expires == datetime(2027, 1, 31, tzinfo=UTC)
    assert (parsed.spec.tracking.size, parsed.spec.isolation) == (Size.LARGE, Isolation.PROCESS)
    assert parsed.spec.promotion.protected_aliases == ("champion",)
    assert parsed.spec.promotion.gates == (Gate.ARTIFACTS_VERIFIED, Gate.REQUIRED_TAGS, Gate.REQUIRED_METRICS)
    assert parsed.spec.quota.artifact_bytes == Quantity.parse("200Gi")


def test_a_project_needs_no_more_than_a_name_a_namespace_and_an_owner() -> None:
    parsed = parse(project())
    assert isinstance(parsed, Project)
    assert parsed.spec.access == ()
    assert parsed.spec.tracking.version == "3.17.2"
    assert parsed.spec.deletion_policy is DeletionPolicy.RETAIN


@pytest.mark.parametrize("case", VALID)
def test_what_is_written_again_is_read_as_the_same(case: str) -> None:
    parsed = parse(VALID[case])
    assert parse(parsed.model_dump(mode="json", by_alias=True)) == parsed


@pytest.mark.parametrize("name", ["vision.yaml", "language.yaml"])
def test_the_samples_are_valid(name: str) -> None:
    documents = list(yaml.safe_load_all((_SAMPLES / name).read_text()))
    tenant, *projects = map(parse, documents)
    assert isinstance(tenant, Workspace)
    assert projects
    assert {project.metadata.namespace for project in projects} == {tenant.namespace}
