"""What marks a thing as a project's, and what a mark is believed."""

from __future__ import annotations

import pytest

from tenantry_operator.facts import ProjectKey
from tenantry_operator.plan.labels import agrees, project_label, workspace_label

KEY, MINE = ProjectKey("vision", "roads"), "a" * 16
LABEL = project_label(KEY, MINE)


@pytest.mark.parametrize(
    ("found", "believed"),
    [
        (LABEL, True),
        ("tenantry.dev/project: vision/roads", True),
        (project_label(KEY, "b" * 16), False),
        (project_label(ProjectKey("vision", "road"), MINE), False),
        ("tenantry.dev/project: vision", False),
        ("", False),
        (None, False),
    ],
)
def test_a_mark_of_another_installation_or_project_is_not_believed(found: str | None, believed: bool) -> None:  # noqa: FBT001 a column
    assert agrees(found, LABEL) == believed


def test_the_mark_of_a_workspace_is_its_projects_without_the_project() -> None:
    assert workspace_label(LABEL) == f"tenantry.dev/project: vision@{MINE}"
    assert workspace_label(project_label(KEY, "")) == "tenantry.dev/project: vision"
