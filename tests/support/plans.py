"""The golden cases of `tests/golden/plan`: manifests, and the installation that they are planned for."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import yaml

from tenantry_crds.manifest import parse
from tenantry_crds.project import Project
from tenantry_crds.workspace import Workspace
from tenantry_operator.facts import Installation, Machine, ProjectPlan
from tenantry_operator.plan.project import plan_project

__all__ = ["GOLDEN", "INSTALLATION", "golden_plan", "resources"]

GOLDEN: Final = Path(__file__).parents[1] / "golden" / "plan"
INSTALLATION: Final = Machine(Path("/state/artifacts"), own_uids=True)


def resources(case: str) -> tuple[Workspace, Project]:
    workspace, project = (parse(yaml.safe_load((GOLDEN / case / f"{kind}.yaml").read_text())) for kind in _KINDS)
    assert isinstance(workspace, Workspace)
    assert isinstance(project, Project)
    return workspace, project


def golden_plan(case: str, installation: Installation = INSTALLATION) -> ProjectPlan:
    workspace, project = resources(case)
    return plan_project(project, workspace, installation)


_KINDS: Final = ("workspace", "project")
