"""What a project inherits from its workspace."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tenantry_crds.meta import Hibernation, Policy, PolicyMode
from tenantry_crds.project import Project, ProjectMetadata, ProjectSpec, effective
from tenantry_crds.workspace import Defaults, Workspace, WorkspaceMetadata, WorkspaceSpec

_HOUR, _MINUTE = Hibernation(after=timedelta(hours=1)), Hibernation(after=timedelta(minutes=1))
_WARN, _ENFORCE = Policy(required_tags=("owner",)), Policy(mode=PolicyMode.ENFORCE)


def _inherited(spec: ProjectSpec, defaults: Defaults) -> ProjectSpec:
    workspace = Workspace(metadata=WorkspaceMetadata(name="vision"), spec=WorkspaceSpec(defaults=defaults))
    project = Project(metadata=ProjectMetadata(name="roads", namespace="ws-vision"), spec=spec)
    return effective(project, workspace).spec


_CASES = {
    "neither says anything": (Hibernation(), None, Defaults(), Hibernation(), None),
    "the workspace says": (Hibernation(), None, Defaults(hibernation=_HOUR, policy=_WARN), _HOUR, _WARN),
    "the project says": (_MINUTE, _ENFORCE, Defaults(), _MINUTE, _ENFORCE),
    "both say, the project wins": (
        _MINUTE,
        _ENFORCE,
        Defaults(hibernation=_HOUR, policy=_WARN),
        _MINUTE,
        _ENFORCE,
    ),
}


@pytest.mark.parametrize("case", _CASES)
def test_the_project_has_the_last_word(case: str) -> None:
    hibernation, policy, defaults, expected_hibernation, expected_policy = _CASES[case]
    spec = _inherited(ProjectSpec(owner="group:a", hibernation=hibernation, policy=policy), defaults)
    assert (spec.hibernation, spec.policy) == (expected_hibernation, expected_policy)


def test_nothing_else_changes() -> None:
    spec = ProjectSpec(owner="group:a", display_name="Roads")
    assert _inherited(spec, Defaults()) == spec
