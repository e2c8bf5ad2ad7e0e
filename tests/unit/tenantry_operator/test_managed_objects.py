"""The list of all that is made on a cluster is the plans' own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import yaml

from tenantry_operator.facts import AccessRow
from tenantry_operator.plan.objects import backend_objects, workspace_objects
from tenantry_operator.plan.workspace import plan_workspace
from tenantry_operator.runtime.kubernetes.kinds import CHILDREN, KINDS
from tests.support.plans import resources
from tests.unit.tenantry_operator.test_objects import GUARD, SITE, server_plan

LIST: Final[dict[str, list[dict[str, Any]]]] = yaml.safe_load(
    (Path(__file__).parents[3] / "docs" / "managed-objects.yaml").read_text()
)


def named(one: dict[str, Any], names: dict[str, str]) -> tuple[str, str]:
    name = one["name"]
    for word, value in names.items():
        name = name.replace(f"<{word}>", value)
    return one["kind"], name


def test_the_plans_make_what_is_listed_and_nothing_else() -> None:
    workspace, _ = resources("full")
    # One that has everything.
    full = replace(plan_workspace(workspace), cpu="4", access=frozenset({AccessRow("admin", "allow", "group", "a")}))
    made = (*workspace_objects(full, SITE), *backend_objects(server_plan("full"), GUARD, SITE))
    planned = {(one["kind"], one["metadata"]["name"]) for one in made}
    names = {"workspace": "vision", "project": "segmentation"}
    assert {named(one, names) for part in ("workspace", "project") for one in LIST[part]} == planned


def test_what_plans_make_is_watched() -> None:
    assert {one["kind"] for part in ("workspace", "project") for one in LIST[part]} == set(CHILDREN)
    assert {one["kind"] for one in LIST["installation"]} <= KINDS.keys()


def test_each_has_a_reason() -> None:
    for part in LIST.values():
        assert all(one["why"] and one["when"] for one in part)
