"""Manifests as people write them, and the exact words they get back."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from tenantry_crds.manifest import InvalidManifest, parse
from tenantry_crds.meta import Annotation, DeletionPolicy, Effect, PolicyMode, Quantity, Role
from tenantry_crds.project import Gate, Isolation, Project, Size
from tenantry_crds.schema import definitions
from tenantry_crds.workspace import Workspace

_SAMPLES = Path(__file__).parents[3] / "hack" / "samples"

_NAME = "must be lower-case letters, digits and hyphens, start with a letter and end with a letter or digit"
_LONG = "must be at most 40 characters, so that names made from it fit into 63: choose a shorter one"
_RESERVED = "must not be one of all, installation, system, tenantry, which are reserved: choose another"
_NAMESPACE = "must be ws-<workspace>, the namespace of the project's workspace"
_ROLE = "must be one of 'admin', 'approver', 'auditor', 'contributor', 'metadata-viewer', 'promoter' or 'viewer'"
_TIME = "must be an RFC 3339 time with a zone, like 2027-01-31T00:00:00Z"
_DURATION = "must be a duration above zero, like 90s, 30m, 1h30m or 7d"
_QUANTITY = "must be a quantity, like 8, 500m, 32Gi or 200G"
_UNKNOWN = "is not a known field: correct its spelling or remove it"
_USER = "must be in lower case and without spaces, because addresses are compared exactly"
_FIELDS = "must be a mapping of fields"
_TEXT = "must be a text: put it in quotes"
_OWNER = "must be group:<name> or user:<e-mail address>"
_NOBODY = "must name somebody: list at least one of users, groups, serviceAccounts"
_VERSION = "must be a supported MLflow version: 3.17.2"


def _workspace(*, name: object = "vision", **spec: object) -> dict[str, object]:
    return {
        "apiVersion": "tenantry.dev/v1alpha1",
        "kind": "Workspace",
        "metadata": {"name": name},
        "spec": spec,
    }


def _project(*, name: object = "segmentation", namespace: str = "ws-vision", **spec: object) -> dict[str, object]:
    return {
        "apiVersion": "tenantry.dev/v1alpha1",
        "kind": "Project",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"owner": "group:vision-leads"} | spec,
    }


def _grant(**grant: object) -> dict[str, object]:
    return _project(access=[{"role": "viewer", "users": ["bob@example.org"]} | grant])


def _problems(document: object) -> list[tuple[str, str]]:
    with pytest.raises(InvalidManifest) as caught:
        parse(document)
    return [tuple(problem) for problem in caught.value.problems]


# One wrong thing each: the document, the field that is named, the reason that is given.
_INVALID: dict[str, tuple[object, str, str]] = {
    "an empty file": (None, "", "must be a mapping with apiVersion, kind, metadata and spec"),
    "a list": ([_workspace()], "", "must be a mapping with apiVersion, kind, metadata and spec"),
    "another API": (_workspace() | {"apiVersion": "v1"}, "apiVersion", "must be tenantry.dev/v1alpha1"),
    "no API": ({"kind": "Project"}, "apiVersion", "must be tenantry.dev/v1alpha1"),
    "another kind": (_workspace() | {"kind": "Tenant"}, "kind", "must be one of Workspace, Project"),
    "a kind that is no text": (_workspace() | {"kind": []}, "kind", "must be one of Workspace, Project"),
    "metadata that is nothing": (_workspace() | {"metadata": None}, "metadata", _FIELDS),
    "no metadata": ({"apiVersion": "tenantry.dev/v1alpha1", "kind": "Workspace"}, "metadata", "is required: add it"),
    "no name": (_workspace() | {"metadata": {}}, "metadata.name", "is required: add it"),
    "a name that is a number": (_workspace(name=12), "metadata.name", _TEXT),
    "a name of 41 characters": (_workspace(name="a" * 41), "metadata.name", _LONG),
    "a project's name of 41 characters": (_project(name="a" * 41), "metadata.name", _LONG),
    "an empty name": (_workspace(name=""), "metadata.name", _NAME),
    "a name with a capital": (_workspace(name="Vision"), "metadata.name", _NAME),
    "a name with an underscore": (_project(name="road_signs"), "metadata.name", _NAME),
    "a name that starts with a digit": (_project(name="3d"), "metadata.name", _NAME),
    "a name that ends with a hyphen": (_project(name="a-"), "metadata.name", _NAME),
    "a name with a newline behind it": (_project(name="a\n"), "metadata.name", _NAME),
    "a name in Greek": (_project(name="όραση"), "metadata.name", _NAME),
    "a reserved name": (_workspace(name="system"), "metadata.name", _RESERVED),
    "a workspace in a namespace": (
        _workspace() | {"metadata": {"name": "vision", "namespace": "ws-vision"}},
        "metadata.namespace",
        "must not be given: a Workspace belongs to no namespace, it makes one",
    ),
    "a project in no namespace": (
        _project() | {"metadata": {"name": "a"}},
        "metadata.namespace",
        "is required: add it",
    ),
    "a project in another namespace": (_project(namespace="vision"), "metadata.namespace", _NAMESPACE),
    "a namespace of no workspace": (_project(namespace="ws-"), "metadata.namespace", _NAMESPACE),
    "an annotation that is a number": (
        _project() | {"metadata": {"name": "a", "namespace": "ws-b", "annotations": {"c": 1}}},
        "metadata.annotations.c",
        _TEXT,
    ),
    "a spec that is a list": (_project() | {"spec": []}, "spec", _FIELDS),
    "no owner": (_project() | {"spec": {}}, "spec.owner", "is required: add it"),
    "an owner of no kind": (_project(owner="alice"), "spec.owner", _OWNER),
    "an owner that is a role": (_project(owner="role:admin"), "spec.owner", _OWNER),
    "a misspelt field": (_project(hibernate={"after": "2h"}), "spec.hibernate", _UNKNOWN),
    "a field in Python's spelling": (_project(display_name="Roads"), "spec.display_name", _UNKNOWN),
    "a title of 101 characters": (
        _project(displayName="a" * 101),
        "spec.displayName",
        "must be at most 100 characters",
    ),
    "access that is no list": (_project(access={"role": "viewer"}), "spec.access", "must be a list"),
    "a grant that is a word": (_project(access=["viewer"]), "spec.access[0]", _FIELDS),
    "too many grants": (
        _workspace(access=[{"role": "viewer", "groups": [str(n)]} for n in range(201)]),
        "spec.access",
        "must have at most 200 entries",
    ),
    "an unknown role": (_grant(role="owner"), "spec.access[0].role", _ROLE),
    "an unknown role of a workspace": (
        _workspace(access=[{"role": "root", "users": ["a@b.c"]}]),
        "spec.access[0].role",
        _ROLE,
    ),
    "a grant to nobody": (_grant(users=[]), "spec.access[0]", _NOBODY),
    "a user with a capital": (_grant(users=["Bob@example.org"]), "spec.access[0].users[0]", _USER),
    "a user with a space": (_grant(users=["bob @example.org"]), "spec.access[0].users[0]", _USER),
    "an empty user": (_grant(users=[""]), "spec.access[0].users[0]", "must not be empty"),
    "a user twice": (_grant(users=["a", "b", "a"]), "spec.access[0].users", "must not list the same thing twice: a"),
    "a service account twice": (
        _grant(serviceAccounts=[{"namespace": "train", "name": "runner"}] * 2),
        "spec.access[0].serviceAccounts",
        "must not list the same thing twice: train/runner",
    ),
    "a service account's namespace with a capital": (
        _grant(serviceAccounts=[{"namespace": "Train", "name": "runner"}]),
        "spec.access[0].serviceAccounts[0].namespace",
        "must be lower-case letters, digits and hyphens",
    ),
    "an expiry in words": (_grant(expires="tomorrow"), "spec.access[0].expires", _TIME),
    "an expiry without a zone": (_grant(expires="2027-01-31T00:00:00"), "spec.access[0].expires", _TIME),
    "an expiry that YAML read as a day": (_grant(expires=date(2027, 1, 31)), "spec.access[0].expires", _TIME),
    "an expiry that is a number": (_grant(expires=1_800_000_000), "spec.access[0].expires", _TIME),
    "an unknown effect": (_grant(effect="forbid"), "spec.access[0].effect", "must be one of 'allow' or 'deny'"),
    "an unsupported MLflow": (_project(tracking={"version": "2.22.0"}), "spec.tracking.version", _VERSION),
    "an MLflow version that YAML read as a number": (
        _project(tracking={"version": 3.17}),
        "spec.tracking.version",
        _TEXT,
    ),
    "an unknown size": (
        _project(tracking={"size": "xl"}),
        "spec.tracking.size",
        "must be one of 'large', 'medium' or 'small'",
    ),
    "an unknown isolation": (_project(isolation="vm"), "spec.isolation", "must be one of 'pod' or 'process'"),
    "a duration of nothing": (_project(hibernation={"after": "0h"}), "spec.hibernation.after", _DURATION),
    "a duration that is a number": (_project(hibernation={"after": 600}), "spec.hibernation.after", _DURATION),
    "a duration in words": (
        _workspace(defaults={"hibernation": {"after": "2 hours"}}),
        "spec.defaults.hibernation.after",
        _DURATION,
    ),
    "an amount in words": (_workspace(quota={"memory": "32GB"}), "spec.quota.memory", _QUANTITY),
    "a negative amount": (_workspace(quota={"cpu": -1}), "spec.quota.cpu", _QUANTITY),
    "an amount that is a truth": (_workspace(quota={"cpu": True}), "spec.quota.cpu", _QUANTITY),
    "a count in quotes": (_workspace(quota={"projects": "20"}), "spec.quota.projects", "must be a whole number"),
    "a count with a fraction": (_project(quota={"runs": 1.5}), "spec.quota.runs", "must be a whole number"),
    "a negative count": (_workspace(quota={"projects": -1}), "spec.quota.projects", "must be at least 0"),
    "no request at all": (
        _project(quota={"requestsPerSecond": 0}),
        "spec.quota.requestsPerSecond",
        "must be at least 1",
    ),
    "a crowd of approvers": (_project(promotion={"approvals": 11}), "spec.promotion.approvals", "must be at most 10"),
    "a truth in words": (
        _project(promotion={"requireReason": "yes"}),
        "spec.promotion.requireReason",
        "must be true or false",
    ),
    "an unknown gate": (
        _project(promotion={"gates": ["luck"]}),
        "spec.promotion.gates[0]",
        "must be one of 'artifactsVerified', 'requiredMetrics' or 'requiredTags'",
    ),
    "an unknown policy mode": (
        _workspace(defaults={"policy": {"mode": "strict"}}),
        "spec.defaults.policy.mode",
        "must be one of 'enforce', 'off' or 'warn'",
    ),
    "an unknown deletion policy": (
        _project(deletionPolicy="retain"),
        "spec.deletionPolicy",
        "must be one of 'Archive', 'Delete' or 'Retain'",
    ),
}


@pytest.mark.parametrize("case", _INVALID)
def test_says_which_field_is_wrong_and_what_to_do(case: str) -> None:
    document, field, reason = _INVALID[case]
    assert _problems(document) == [(field, reason)]


def test_names_every_problem_at_once() -> None:
    document = _project(name="Road", owner="bob", tracking={"version": "1.0"})
    assert _problems(document) == [
        ("metadata.name", _NAME),
        ("spec.owner", _OWNER),
        ("spec.tracking.version", _VERSION),
    ]


def test_reads_as_one_line() -> None:
    with pytest.raises(InvalidManifest, match=r"^spec\.owner is required: add it; spec\.onwer is not a known field"):
        parse(_project() | {"spec": {"onwer": "group:a"}})


def _messages(node: object) -> set[str]:
    if isinstance(node, dict):
        own = {rule["message"] for rule in node.get("x-kubernetes-validations", ())}
        return own.union(*map(_messages, node.values()))
    return set().union(*map(_messages, node)) if isinstance(node, list) else set()


def test_every_message_of_the_api_server_is_one_that_the_table_above_shows() -> None:
    said = {f"{field} {reason}" for _, field, reason in _INVALID.values()}
    # What cannot change can only be told from what it was; a single document has no past.
    expected = {message for message in _messages(definitions()) if not message.endswith("data is found by it")}
    assert expected
    assert {message for message in expected if not any(text.endswith(message) for text in said)} == set()


def test_reads_a_workspace_in_full() -> None:
    parsed = parse(
        yaml.safe_load("""
            apiVersion: tenantry.dev/v1alpha1
            kind: Workspace
            metadata: {name: vision, uid: 1f0c, annotations: {tenantry.dev/pause: "true"}}
            spec:
              displayName: Vision
              access:
              - {role: admin, groups: [vision-leads]}
              - {role: viewer, users: [eve@example.org], effect: deny}
              quota: {projects: 20, cpu: "8", memory: 32Gi, storage: 500Gi}
              defaults:
                hibernation: {after: 2h}
                policy: {requiredTags: [project, owner, intent], mode: warn}
              deletionPolicy: Archive
        """)
    )
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
    parsed = parse(
        yaml.safe_load("""
            apiVersion: tenantry.dev/v1alpha1
            kind: Project
            metadata: {name: segmentation, namespace: ws-vision, generation: 4}
            spec:
              displayName: Road segmentation
              owner: group:vision-leads
              access:
              - {role: contributor, serviceAccounts: [{namespace: train, name: runner}]}
              - {role: promoter, users: [reviewer@example.org], expires: 2027-01-31T00:00:00Z}
              tracking: {version: 3.17.2, size: large}
              isolation: process
              promotion: {protectedAliases: [champion], approvals: 1, requireReason: true,
                          gates: [artifactsVerified, requiredTags, requiredMetrics]}
              quota: {runs: 100000, artifactBytes: 200Gi, requestsPerSecond: 200}
              deletionPolicy: Delete
            status: {phase: Ready, url: "http://127.0.0.1/w/vision/p/segmentation", later: 1}
        """)
    )
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
    parsed = parse(_project())
    assert isinstance(parsed, Project)
    assert parsed.spec.access == ()
    assert parsed.spec.tracking.version == "3.17.2"
    assert parsed.spec.deletion_policy is DeletionPolicy.RETAIN


@pytest.mark.parametrize("document", [_workspace(quota={"cpu": 8}), _project(promotion={"gates": ["requiredTags"]})])
def test_what_is_written_again_is_read_as_the_same(document: object) -> None:
    parsed = parse(document)
    assert parse(parsed.model_dump(mode="json", by_alias=True)) == parsed


@pytest.mark.parametrize("name", ["vision.yaml", "language.yaml"])
def test_the_samples_are_valid(name: str) -> None:
    documents = list(yaml.safe_load_all((_SAMPLES / name).read_text()))
    workspace, *projects = map(parse, documents)
    assert isinstance(workspace, Workspace)
    assert projects
    assert {project.metadata.namespace for project in projects} == {workspace.namespace}
