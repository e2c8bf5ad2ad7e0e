"""Plans against golden files: `--update-golden` rewrites them, a person reads the difference."""

from dataclasses import asdict
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
import yaml

from tenantry_operator.facts import AccessRow, Machine
from tenantry_operator.plan.project import plan_project
from tenantry_operator.plan.workspace import plan_workspace
from tests.support.plans import GOLDEN, INSTALLATION, golden_plan, resources

CASES = sorted(path.name for path in GOLDEN.iterdir())


def plain(value: object) -> Any:
    """What YAML can hold, in one order: sets are sorted by their text."""
    if isinstance(value, AccessRow):
        return plain(asdict(value))
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, frozenset):
        return sorted((plain(part) for part in value), key=str)
    if isinstance(value, tuple | list):
        return [plain(part) for part in value]
    if isinstance(value, datetime | Path | StrEnum):
        return str(value)
    return value.total_seconds() if isinstance(value, timedelta) else value


@pytest.mark.parametrize("case", CASES)
def test_a_manifest_becomes_the_plan_in_the_golden_file(case: str, *, update_golden: bool) -> None:
    workspace, project = resources(case)
    plans = {
        "workspace": asdict(plan_workspace(workspace)),
        "project": asdict(plan_project(project, workspace, INSTALLATION)),
    }
    text = yaml.safe_dump(plain(plans), sort_keys=False, width=120)
    expected = GOLDEN / case / "expected.yaml"
    if update_golden:
        expected.write_text(text)
    assert text == expected.read_text()


@pytest.mark.parametrize("case", CASES)
def test_the_same_manifests_give_an_equal_plan_each_time(case: str) -> None:
    assert golden_plan(case) == golden_plan(case)


def test_without_uids_of_their_own_servers_run_as_the_operator() -> None:
    plan = golden_plan("defaults", Machine(Path("/state/artifacts"), own_uids=False))
    assert plan.artifacts.uid is None
