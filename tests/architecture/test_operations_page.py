"""docs/operations.md is for whoever is on call: each figure, and each reason of a condition, has its row there."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from tenantry_crds.meta import ConditionType
from tenantry_operator.facts import STARTING

ROOT = Path(__file__).parents[2]
OPERATOR = ROOT / "operator" / "tenantry_operator"
PAGE = (ROOT / "docs" / "operations.md").read_text()

# What stands in place of a word for a reason, and which words it can be.
WORDS: Final[Mapping[str, frozenset[str]]] = {
    "STARTING": frozenset({STARTING}),
    "error.reason": frozenset({STARTING}),
    # The first condition that does not hold.
    "first.type.value": frozenset(kind.value for kind in ConditionType if kind is not ConditionType.READY),
    # Found where it is raised, and where it was first published.
    "refusal.reason": frozenset(),
    "condition.reason": frozenset(),
}
# What is made with a reason, and which of its arguments that is.
MADE_WITH: Final = {"Probe": 1, "Trouble": 0, "WorkspaceRefused": 0, "WorkspaceWaiting": 0, "unknown": 0}


def _section(title: str) -> str:
    return re.split(r"^#{2,3} ", PAGE.partition(f"# {title}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


# ---------------------------------------------------------------- figures


def _figures() -> set[str]:
    """Every name in a source that makes figures; Prometheus adds `_total` to a counter's."""
    sources = (path.read_text() for root in ("operator", "tenant_api") for path in (ROOT / root).rglob("*.py"))
    return {
        name
        for source in sources
        if "prometheus_client" in source
        for name in re.findall(r'"(tenantry_[a-z_]+)"', source)
        if not (ROOT / "operator" / name).is_dir()
    }


def _listed() -> list[str]:
    return re.findall(r"^\| `(tenantry_\w+)` \|", PAGE, re.MULTILINE)


def test_every_figure_is_listed_and_no_other() -> None:
    assert len(_listed()) > 10
    assert sorted(name.removesuffix("_total") for name in _listed()) == sorted(_figures())


def test_an_alert_asks_for_figures_that_there_are() -> None:
    asked = set(re.findall(r"tenantry_\w+", _section("Alerts")))
    assert len(asked) > 8
    assert asked - set(_listed()) == set()


# ---------------------------------------------------------------- conditions


def _words(reason: ast.expr, tree: ast.AST) -> frozenset[str]:
    """What an expression for a reason can be. One that is not known fails: give it its words above."""
    written = ast.unparse(reason)
    if isinstance(reason, ast.Constant):
        return frozenset({str(reason.value)})
    if isinstance(reason, ast.IfExp):
        return _words(reason.body, tree) | _words(reason.orelse, tree)
    given = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == written
    ]
    if given and isinstance(reason, ast.Name):
        return frozenset().union(*(_words(value, tree) for value in given))
    return WORDS[written]


def _reasons() -> set[str]:
    found: set[str] = set()
    for path in OPERATOR.rglob("*.py"):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MADE_WITH:
                found |= _words(node.args[MADE_WITH[node.func.id]], tree)
    return found


def _rows(kind: ConditionType) -> dict[str, str]:
    """By reason: the status that goes with it."""
    return dict(re.findall(r"^\| `(\w+)` \| (True|False|Unknown) \|", _section(kind.value), re.MULTILINE))


def test_every_reason_of_a_condition_has_a_row_and_no_other() -> None:
    assert sorted({reason for kind in ConditionType for reason in _rows(kind)}) == sorted(_reasons())


@pytest.mark.parametrize("kind", ConditionType)
def test_of_every_condition_it_is_said_when_it_holds_and_when_not(kind: ConditionType) -> None:
    assert set(_rows(kind).values()) >= {"True", "False"}


def test_ready_names_every_other_condition() -> None:
    assert WORDS["first.type.value"] - _rows(ConditionType.READY).keys() == set()


def test_whatever_keeps_a_container_from_being_made_is_told_of() -> None:
    source = (OPERATOR / "runtime" / "kubernetes" / "trouble.py").read_text()
    not_made = re.search(r"_NOT_MADE: Final = frozenset\((.*?)\)", source, re.DOTALL)
    assert not_made
    told = set(re.findall(r"`(\w+)`", _section("A backend does not start")))
    assert set(re.findall(r'"(\w+)"', not_made[1])) - told == set()
