"""What a manifest asks for and nobody does yet is said in the condition, not passed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from tenantry_crds.manifest import parse
from tenantry_crds.project import Project
from tenantry_crds.workspace import Workspace
from tenantry_operator.facts import Machine
from tenantry_operator.plan.project import ARCHIVE_NOTE, POLICY_NOTE, PROMOTION_NOTE, plan_project

_API = "tenantry.dev/v1alpha1"


def _notes(spec: dict[str, object], defaults: dict[str, object]) -> tuple[str, ...]:
    workspace = parse(
        {"apiVersion": _API, "kind": "Workspace", "metadata": {"name": "a"}, "spec": {"defaults": defaults}}
    )
    metadata = {"name": "b", "namespace": "ws-a"}
    project = parse({"apiVersion": _API, "kind": "Project", "metadata": metadata, "spec": {"owner": "group:c"} | spec})
    assert isinstance(workspace, Workspace)
    assert isinstance(project, Project)
    return plan_project(project, workspace, Machine(artifact_directory=Path("/artifacts"))).notes


@pytest.mark.parametrize(
    ("spec", "defaults", "notes"),
    [
        ({}, {}, ()),
        ({"promotion": {"protectedAliases": ["champion"], "requireReason": True}}, {}, ()),
        ({"promotion": {"approvals": 1}}, {}, (PROMOTION_NOTE,)),
        ({"promotion": {"gates": ["requiredTags"]}}, {}, (PROMOTION_NOTE,)),
        ({}, {"policy": {"mode": "warn"}}, ()),
        ({}, {"policy": {"mode": "enforce"}}, (POLICY_NOTE,)),
        ({"policy": {"mode": "off"}}, {"policy": {"mode": "enforce"}}, ()),
        ({"deletionPolicy": "Archive", "promotion": {"approvals": 2}}, {}, (ARCHIVE_NOTE, PROMOTION_NOTE)),
    ],
)
def test_says_what_is_not_fulfilled(
    spec: dict[str, object], defaults: dict[str, object], notes: tuple[str, ...]
) -> None:
    assert _notes(spec, defaults) == notes
