"""Whatever a resource holds, and the definitions let through: the operator says what is wrong with it, and goes on."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings

from tenantry_crds.project import ProjectStatus
from tenantry_crds.workspace import Workspace
from tenantry_operator.facts import Buckets, Key, Observed, Probe, ProjectKey, WorkspaceKey
from tenantry_operator.plan.project import plan_project
from tenantry_operator.plan.workspace import plan_workspace
from tenantry_operator.sources import Unreadable
from tenantry_operator.sources.kubernetes import Kubernetes
from tenantry_operator.status import conditions_of, refused, unreadable, workspace_status
from tests.support.arbitrary import resources
from tests.support.manifests import workspace
from tests.support.reporter import MemoryReporter

FINE = Probe(True, "Fine", "x" * 10_000)


def noted(document: dict[str, Any]) -> tuple[Kubernetes, MemoryReporter, list[Key]]:
    changed: list[Key] = []
    reporter = MemoryReporter()
    source = Kubernetes(reporter, changed.append)
    source.note(None, reporter.put(document))
    return source, reporter, changed


@settings(max_examples=300, deadline=None)
@given(resources("projects"))
def test_of_any_project_there_is_a_plan_or_a_reason(document: dict[str, Any]) -> None:
    source, reporter, changed = noted(document)
    (stored,) = reporter.documents.values()
    if document["metadata"]["namespace"] == "vision":
        assert "must be ws-<workspace>" in ProjectStatus.model_validate(stored["status"]).conditions[0].message
        return
    key = ProjectKey("vision", document["metadata"]["name"])
    assert changed == [key]
    try:
        found = source.project(key)
    except Unreadable as problem:
        assert refused(str(problem)).message  # noqa: PT017  either is well
    else:
        assert found
        plan = plan_project(found.resource, Workspace.model_validate(workspace()), Buckets())
        conditions = conditions_of(plan, Observed(FINE, FINE, FINE, FINE), plan.access)
        assert ProjectStatus(conditions=conditions)


@settings(max_examples=200, deadline=None)
@given(resources("workspaces"))
def test_of_any_workspace_there_is_a_plan_or_a_reason(document: dict[str, Any]) -> None:
    source, _, changed = noted(document)
    key = WorkspaceKey(document["metadata"]["name"])
    assert changed == [key]
    try:
        found = source.workspace(key)
    except Unreadable as problem:
        assert unreadable(str(problem)).message  # noqa: PT017  either is well
    else:
        assert found
        assert workspace_status(plan_workspace(found.resource), 1, None, found.problem)
