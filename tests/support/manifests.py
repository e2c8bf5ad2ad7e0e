"""Manifests right and wrong, one thing at a time: for whoever judges them, our own models or the API server."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import yaml

from tenantry_crds.schema import definitions

__all__ = ["INVALID", "PROJECT", "VALID", "WORKSPACE", "cel_messages", "grant", "project", "workspace"]

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
_BUCKET = "must be 3 to 63 lower-case letters, digits, dots and hyphens"
_PRINTABLE = "must hold no control characters, such as tabs and line breaks"
_OBJECT = "must be lower-case letters, digits, dots and hyphens"
_KUBERNETES = "must not begin with system:, because Kubernetes gives such names a meaning of its own"
_VERSION = "must be a supported MLflow version: 3.17.2"


def workspace(*, name: object = "vision", **spec: object) -> dict[str, Any]:
    return {
        "apiVersion": "tenantry.dev/v1alpha1",
        "kind": "Workspace",
        "metadata": {"name": name},
        "spec": spec,
    }


def project(*, name: object = "segmentation", namespace: str = "ws-vision", **spec: object) -> dict[str, Any]:
    return {
        "apiVersion": "tenantry.dev/v1alpha1",
        "kind": "Project",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"owner": "group:vision-leads"} | spec,
    }


def grant(**grant: object) -> dict[str, Any]:
    return project(access=[{"role": "viewer", "users": ["bob@example.org"]} | grant])


# One wrong thing each: the document, the field that is named, the reason that is given.
INVALID: dict[str, tuple[object, str, str]] = {
    "an empty file": (None, "", "must be a mapping with apiVersion, kind, metadata and spec"),
    "a list": ([workspace()], "", "must be a mapping with apiVersion, kind, metadata and spec"),
    "another API": (workspace() | {"apiVersion": "v1"}, "apiVersion", "must be tenantry.dev/v1alpha1"),
    "no API": ({"kind": "Project"}, "apiVersion", "must be tenantry.dev/v1alpha1"),
    "another kind": (workspace() | {"kind": "Tenant"}, "kind", "must be one of Workspace, Project"),
    "a kind that is no text": (workspace() | {"kind": []}, "kind", "must be one of Workspace, Project"),
    "metadata that is nothing": (workspace() | {"metadata": None}, "metadata", _FIELDS),
    "no metadata": ({"apiVersion": "tenantry.dev/v1alpha1", "kind": "Workspace"}, "metadata", "is required: add it"),
    "no name": (workspace() | {"metadata": {}}, "metadata.name", "is required: add it"),
    "a name that is a number": (workspace(name=12), "metadata.name", _TEXT),
    "a name of 41 characters": (workspace(name="a" * 41), "metadata.name", _LONG),
    "a project's name of 41 characters": (project(name="a" * 41), "metadata.name", _LONG),
    "an empty name": (workspace(name=""), "metadata.name", _NAME),
    "a name with a capital": (workspace(name="Vision"), "metadata.name", _NAME),
    "a name with an underscore": (project(name="road_signs"), "metadata.name", _NAME),
    "a name that starts with a digit": (project(name="3d"), "metadata.name", _NAME),
    "a name that ends with a hyphen": (project(name="a-"), "metadata.name", _NAME),
    "a name with a newline behind it": (project(name="a\n"), "metadata.name", _NAME),
    "a name in Greek": (project(name="όραση"), "metadata.name", _NAME),
    "a reserved name": (workspace(name="system"), "metadata.name", _RESERVED),
    "a workspace in a namespace": (
        workspace() | {"metadata": {"name": "vision", "namespace": "ws-vision"}},
        "metadata.namespace",
        "must not be given: a Workspace belongs to no namespace, it makes one",
    ),
    "a project in no namespace": (
        project() | {"metadata": {"name": "a"}},
        "metadata.namespace",
        "is required: add it",
    ),
    "a project in another namespace": (project(namespace="vision"), "metadata.namespace", _NAMESPACE),
    "a namespace of no workspace": (project(namespace="ws-"), "metadata.namespace", _NAMESPACE),
    "an annotation that is a number": (
        project() | {"metadata": {"name": "a", "namespace": "ws-b", "annotations": {"c": 1}}},
        "metadata.annotations.c",
        _TEXT,
    ),
    "a spec that is a list": (project() | {"spec": []}, "spec", _FIELDS),
    "no owner": (project() | {"spec": {}}, "spec.owner", "is required: add it"),
    "an owner of no kind": (project(owner="alice"), "spec.owner", _OWNER),
    "an owner that is a role": (project(owner="role:admin"), "spec.owner", _OWNER),
    "an owner that ends with a vertical tab": (project(owner="group:a\x0b"), "spec.owner", _OWNER),
    "an owner with a zero byte": (project(owner="group:a\x00b"), "spec.owner", _OWNER),
    "a misspelt field": (project(hibernate={"after": "2h"}), "spec.hibernate", _UNKNOWN),
    "a field in Python's spelling": (project(display_name="Roads"), "spec.display_name", _UNKNOWN),
    "a title of 101 characters": (
        project(displayName="a" * 101),
        "spec.displayName",
        "must be at most 100 characters",
    ),
    "a title with a zero byte": (project(displayName="a\x00b"), "spec.displayName", _PRINTABLE),
    "a title of two lines": (workspace(displayName="a\nb"), "spec.displayName", _PRINTABLE),
    "an alias with a zero byte": (
        project(promotion={"protectedAliases": ["a\x00b"]}),
        "spec.promotion.protectedAliases[0]",
        _PRINTABLE,
    ),
    "a tag with a zero byte": (
        project(policy={"requiredTags": ["a\x00b"]}),
        "spec.policy.requiredTags[0]",
        _PRINTABLE,
    ),
    "a bucket with a capital": (project(artifacts={"bucket": "Roads"}), "spec.artifacts.bucket", _BUCKET),
    "a prefix without a slash": (
        project(artifacts={"bucket": "roads", "prefix": "a"}),
        "spec.artifacts.prefix",
        "must be names that end with a slash each, like team/project/",
    ),
    "a prefix of no bucket": (
        project(artifacts={"prefix": "a/"}),
        "spec.artifacts",
        "prefix needs a bucket: name the bucket that it is in",
    ),
    "a Secret with a slash": (
        project(artifacts={"secretName": "a/b"}),
        "spec.artifacts.secretName",
        _OBJECT,
    ),
    "an annotation of a pod that is a number": (
        project(artifacts={"serviceAccountAnnotations": {"role": 1}}),
        "spec.artifacts.serviceAccountAnnotations.role",
        _TEXT,
    ),
    "access that is no list": (project(access={"role": "viewer"}), "spec.access", "must be a list"),
    "a grant that is a word": (project(access=["viewer"]), "spec.access[0]", _FIELDS),
    "too many grants": (
        workspace(access=[{"role": "viewer", "groups": [str(n)]} for n in range(201)]),
        "spec.access",
        "must have at most 200 entries",
    ),
    "an unknown role": (grant(role="owner"), "spec.access[0].role", _ROLE),
    "an unknown role of a workspace": (
        workspace(access=[{"role": "root", "users": ["a@b.c"]}]),
        "spec.access[0].role",
        _ROLE,
    ),
    "a grant to nobody": (grant(users=[]), "spec.access[0]", _NOBODY),
    "a user with a capital": (grant(users=["Bob@example.org"]), "spec.access[0].users[0]", _USER),
    "a user with a space": (grant(users=["bob @example.org"]), "spec.access[0].users[0]", _USER),
    "a user with a vertical tab": (grant(users=["bob\x0b"]), "spec.access[0].users[0]", _USER),
    "a user with a zero byte": (grant(users=["bob\x00"]), "spec.access[0].users[0]", _USER),
    "a group that is everybody to Kubernetes": (
        workspace(access=[{"role": "admin", "groups": ["system:authenticated"]}]),
        "spec.access[0].groups[0]",
        _KUBERNETES,
    ),
    "a user that is a ServiceAccount to Kubernetes": (
        grant(users=["system:serviceaccount:train:runner"]),
        "spec.access[0].users[0]",
        _KUBERNETES,
    ),
    "a group with a zero byte": (grant(groups=["a\x00b"]), "spec.access[0].groups[0]", _PRINTABLE),
    "an empty user": (grant(users=[""]), "spec.access[0].users[0]", "must not be empty"),
    "a user twice": (grant(users=["a", "b", "a"]), "spec.access[0].users", "must not list the same thing twice: a"),
    "a service account twice": (
        grant(serviceAccounts=[{"namespace": "train", "name": "runner"}] * 2),
        "spec.access[0].serviceAccounts",
        "must not list the same thing twice: train/runner",
    ),
    "a service account's namespace with a capital": (
        grant(serviceAccounts=[{"namespace": "Train", "name": "runner"}]),
        "spec.access[0].serviceAccounts[0].namespace",
        "must be lower-case letters, digits and hyphens",
    ),
    "a service account with a capital": (
        grant(serviceAccounts=[{"namespace": "train", "name": "Runner"}]),
        "spec.access[0].serviceAccounts[0].name",
        _OBJECT,
    ),
    "an expiry in words": (grant(expires="tomorrow"), "spec.access[0].expires", _TIME),
    "an expiry without a zone": (grant(expires="2027-01-31T00:00:00"), "spec.access[0].expires", _TIME),
    "an expiry that YAML read as a day": (grant(expires=date(2027, 1, 31)), "spec.access[0].expires", _TIME),
    "an expiry without seconds": (grant(expires="2027-01-31T00:00Z"), "spec.access[0].expires", _TIME),
    "an expiry that is a number in quotes": (grant(expires="1800000000"), "spec.access[0].expires", _TIME),
    "an expiry with words behind it": (grant(expires="2027-01-31T00:00:00Zt"), "spec.access[0].expires", _TIME),
    "an expiry with a comma": (grant(expires="2027-01-31T00:00:00,5Z"), "spec.access[0].expires", _TIME),
    "an expiry in a zone that is none": (grant(expires="2027-01-31T00:00:00+24:00"), "spec.access[0].expires", _TIME),
    "an expiry in the year zero": (grant(expires="0000-01-31T00:00:00Z"), "spec.access[0].expires", _TIME),
    "an expiry after the last day": (grant(expires="9999-12-31T23:59:59-01:00"), "spec.access[0].expires", _TIME),
    "an expiry on no day": (grant(expires="2027-02-30T00:00:00Z"), "spec.access[0].expires", _TIME),
    "an expiry before all days": (grant(expires=datetime(1, 1, 1, tzinfo=UTC)), "spec.access[0].expires", _TIME),
    "an expiry that is a number": (grant(expires=1_800_000_000), "spec.access[0].expires", _TIME),
    "an unknown effect": (grant(effect="forbid"), "spec.access[0].effect", "must be one of 'allow' or 'deny'"),
    "an unsupported MLflow": (project(tracking={"version": "2.22.0"}), "spec.tracking.version", _VERSION),
    "an MLflow version that YAML read as a number": (
        project(tracking={"version": 3.17}),
        "spec.tracking.version",
        _TEXT,
    ),
    "an unknown size": (
        project(tracking={"size": "xl"}),
        "spec.tracking.size",
        "must be one of 'large', 'medium' or 'small'",
    ),
    "an unknown isolation": (project(isolation="vm"), "spec.isolation", "must be one of 'pod' or 'process'"),
    "a duration of nothing": (project(hibernation={"after": "0h"}), "spec.hibernation.after", _DURATION),
    "a duration that is a number": (project(hibernation={"after": 600}), "spec.hibernation.after", _DURATION),
    "a duration in words": (
        workspace(defaults={"hibernation": {"after": "2 hours"}}),
        "spec.defaults.hibernation.after",
        _DURATION,
    ),
    "an amount in words": (workspace(quota={"memory": "32GB"}), "spec.quota.memory", _QUANTITY),
    "a negative amount": (workspace(quota={"cpu": -1}), "spec.quota.cpu", _QUANTITY),
    "an amount of thirteen digits": (workspace(quota={"storage": 10**12}), "spec.quota.storage", _QUANTITY),
    "an amount that is a truth": (workspace(quota={"cpu": True}), "spec.quota.cpu", _QUANTITY),
    "a count in quotes": (workspace(quota={"projects": "20"}), "spec.quota.projects", "must be a whole number"),
    "a count with a fraction": (project(quota={"runs": 1.5}), "spec.quota.runs", "must be a whole number"),
    "a negative count": (workspace(quota={"projects": -1}), "spec.quota.projects", "must be at least 0"),
    "no request at all": (
        project(quota={"requestsPerSecond": 0}),
        "spec.quota.requestsPerSecond",
        "must be at least 1",
    ),
    "a crowd of approvers": (project(promotion={"approvals": 11}), "spec.promotion.approvals", "must be at most 10"),
    "a truth in words": (
        project(promotion={"requireReason": "yes"}),
        "spec.promotion.requireReason",
        "must be true or false",
    ),
    "an unknown gate": (
        project(promotion={"gates": ["luck"]}),
        "spec.promotion.gates[0]",
        "must be one of 'artifactsVerified', 'requiredMetrics' or 'requiredTags'",
    ),
    "an unknown policy mode": (
        workspace(defaults={"policy": {"mode": "strict"}}),
        "spec.defaults.policy.mode",
        "must be one of 'enforce', 'off' or 'warn'",
    ),
    "an unknown deletion policy": (
        project(deletionPolicy="retain"),
        "spec.deletionPolicy",
        "must be one of 'Archive', 'Delete' or 'Retain'",
    ),
}

# Every field that there is, in the spelling of its author.
WORKSPACE = """
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
"""
PROJECT = """
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
"""

# What is right, if only just.
VALID: dict[str, dict[str, Any]] = {
    "a workspace in full": yaml.safe_load(WORKSPACE),
    "a project in full": {key: value for key, value in yaml.safe_load(PROJECT).items() if key != "status"},
    "a workspace and no more": workspace(),
    "a workspace without a spec": {key: value for key, value in workspace().items() if key != "spec"},
    "a project and no more": project(),
    "a name of 40 characters": project(name="a" * 40),
    "a title of 100 characters that are two bytes each": project(displayName="ö" * 100),
    "an owner that is a person": project(owner="user:alice@example.org"),
    "a grant to a machine": grant(serviceAccounts=[{"namespace": "train", "name": "runner"}]),
    "a grant that ends": grant(expires="2027-01-31T00:00:00Z"),
    "an expiry with an offset and a fraction": grant(expires="2027-01-31T00:00:00.123+01:00"),
    "an expiry that YAML read as a time": grant(expires=datetime(2027, 1, 31, tzinfo=UTC)),
    "a denial": grant(effect="deny"),
    "a duration of all parts": project(hibernation={"after": "1d2h3m4s"}),
    "an amount that is a number": workspace(quota={"cpu": 8}),
    "an amount with a fraction": workspace(quota={"cpu": "1.5", "memory": "0.5Gi", "storage": "0"}),
    "the most approvals": project(promotion={"approvals": 10, "gates": ["requiredTags"]}),
    "the least rate": project(quota={"requestsPerSecond": 1, "runs": 0}),
}


def cel_messages() -> set[str]:
    """What the rules that are ours say in the API server."""
    return _messages(definitions())


def _messages(node: object) -> set[str]:
    if isinstance(node, dict):
        own = {rule["message"] for rule in node.get("x-kubernetes-validations", ())}
        return own.union(*map(_messages, node.values()))
    return set().union(*map(_messages, node)) if isinstance(node, list) else set()
