"""docs/operations.md is for whoever is on call: each figure, and each reason of a condition, has its row there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from tenantry_crds.meta import ConditionType
from tenantry_operator.facts import STARTING

ROOT = Path(__file__).parents[2]
OPERATOR = ROOT / "operator" / "tenantry_operator"
PAGE = (ROOT / "docs" / "operations.md").read_text()

ACCESS, BACKEND, DATABASE, ISOLATION, READY, STORAGE = ConditionType
OTHERS = frozenset(kind.value for kind in ConditionType if kind is not READY)

# Where a Probe is made, by file and function or constant: the conditions that it becomes.
BECOMES: Final = {
    "observe.py:_BLOCKED": (BACKEND, ISOLATION),
    "observe.py:_FENCED": (BACKEND,),
    "observe.py:_NOT_SEEN": (ISOLATION,),
    "observe.py:_database": (DATABASE,),
    "observe.py:_look": (BACKEND,),
    "observe.py:_proof": (BACKEND,),
    "observe.py:_storage": (STORAGE,),
    "probe.py:_REFUSED": (ISOLATION,),
    "probe.py:answers": (BACKEND,),
    "probe.py:guarded": (ISOLATION,),
    "probe.py:logs_in": (DATABASE,),
    "probe.py:others_refused": (ISOLATION,),
    "provision/bucket/probes.py:_REFUSED": (ISOLATION,),
    "provision/bucket/probes.py:_problem": (ISOLATION,),
    "provision/bucket/probes.py:confined": (ISOLATION,),
    "provision/bucket/probes.py:stores": (STORAGE,),
    "provision/directories.py:confined": (ISOLATION,),
    "provision/directories.py:stores": (STORAGE,),
    "status.py:_access": (ACCESS,),
    "status.py:_ready": (READY,),
    "status.py:orphaned": (READY,),
    "status.py:refused_status": (READY,),
    "status.py:retired": (READY,),
    "status.py:terminating": (READY,),
    "status.py:workspace_status": (READY,),
    # What was published before is read again.
    "observe.py:_as_published": (),
    "trust.py:_as_published": (),
}
# What stands in place of a word, and which words it can be; those of a workspace are found where they are raised.
WORDS: Final[Mapping[str, Mapping[str, frozenset[str]]]] = {
    "status.py:_ready": {"first.type.value": OTHERS},
    "status.py:workspace_status": {"refusal.reason": frozenset()},
}
REFUSALS: Final = frozenset({"WorkspaceRefused", "WorkspaceWaiting"})


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


def _places(path: Path) -> Iterator[tuple[str, ast.AST]]:
    """Each function, at any depth, and each constant of a module, by the name that `BECOMES` has."""
    name = path.relative_to(OPERATOR).as_posix()
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            yield f"{name}:{node.name}", node
    for node in tree.body:
        if isinstance(node, ast.AnnAssign | ast.Assign):
            target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
            yield f"{name}:{ast.unparse(target)}", node


def _calls(node: ast.AST, names: frozenset[str]) -> Iterator[ast.Call]:
    for found in ast.walk(node):
        if isinstance(found, ast.Call) and isinstance(found.func, ast.Name) and found.func.id in names:
            yield found


def _words(reason: ast.expr, place: str, inside: ast.AST) -> frozenset[str]:
    """What an expression for a reason can be. What is not known fails: give it its words above."""
    if isinstance(reason, ast.Constant):
        return frozenset({str(reason.value)})
    if isinstance(reason, ast.IfExp):
        return _words(reason.body, place, inside) | _words(reason.orelse, place, inside)
    if ast.unparse(reason) == "STARTING":
        return frozenset({STARTING})
    if isinstance(reason, ast.Name):
        given = [
            node.value
            for node in ast.walk(inside)
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == reason.id
        ]
        assert given, f"{place}: where does {reason.id} come from?"
        return frozenset().union(*(_words(value, place, inside) for value in given))
    return WORDS[place][ast.unparse(reason)]


def _found() -> set[tuple[str, str]]:
    """Each condition with each reason that the sources can give it."""
    found = set()
    for path in OPERATOR.rglob("*.py"):
        for place, node in _places(path):
            for call in _calls(node, frozenset({"Probe"})):
                assert place in BECOMES, f"{place}: which condition does this Probe become?"
                if BECOMES[place]:
                    words = _words(call.args[1], place, node)
                    found |= {(kind.value, word) for kind in BECOMES[place] for word in words}
            for call in _calls(node, REFUSALS):
                found |= {(READY.value, word) for word in _words(call.args[0], place, node)}
    return found


def test_every_condition_has_a_row_for_each_of_its_reasons_and_no_other() -> None:
    rows = {
        (kind.value, reason)
        for kind in ConditionType
        for reason in re.findall(r"^\| `(\w+)` \| (?:True|False) \|", _section(kind.value), re.MULTILINE)
    }
    assert rows == _found()


def test_whatever_keeps_a_pod_from_starting_is_told_of() -> None:
    source = (OPERATOR / "runtime" / "kubernetes" / "pods.py").read_text()
    hopeless = re.search(r"_HOPELESS: Final = frozenset\((.*?)\)", source, re.DOTALL)
    assert hopeless
    told = set(re.findall(r"`(\w+)`", _section("A backend does not start")))
    assert set(re.findall(r'"(\w+)"', hopeless[1])) - told == set()
