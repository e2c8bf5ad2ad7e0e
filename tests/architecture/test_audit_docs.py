"""What the documentation says of the audit log holds: its example verifies, and the catalogue is complete."""

from __future__ import annotations

import re
from pathlib import Path

import orjson
import pytest

from tenantry_api.audit.bundle import FILES, Bundle
from tenantry_api.audit.note import read_key
from tenantry_api.audit.tree import leaf_hash, node_hash, root_of
from tenantry_api.audit.verify import verify
from tenantry_api.classify import load_table
from tenantry_api.classify.policy import Allowance
from tenantry_api.record.event import Stage
from tenantry_crds.meta import SUPPORTED_MLFLOW_VERSIONS
from tests.support.record import events_with_everything, write_export

DOCS = Path(__file__).parents[2] / "docs"
SOURCE = Path(__file__).parents[2] / "tenant_api" / "tenantry_api"
FORMAT = (DOCS / "audit-format.md").read_text()
EXAMPLE = FORMAT.partition("## An example")[2]


def _shown(name: str) -> bytes:
    match = re.search(rf"^`{re.escape(name)}`\n\n```\n(.*?)```$", EXAMPLE, re.MULTILINE | re.DOTALL)
    assert match, f"{name} is not shown"
    return match[1].encode()


def _key_starting(start: str) -> bytes:
    match = re.search(rf"^```\n({re.escape(start)}.*?)```$", EXAMPLE, re.MULTILINE | re.DOTALL)
    assert match
    return match[1].encode()


@pytest.mark.parametrize("start", ["-----BEGIN PUBLIC KEY", "tenantry.example.org/vision+"])
def test_the_example_export_verifies_with_each_spelling_of_its_key(tmp_path: Path, start: str) -> None:
    for name in FILES:
        (tmp_path / name).write_bytes(_shown(name))

    report = verify(Bundle(tmp_path), read_key(_key_starting(start)))
    assert (report.findings, report.size) == ((), 3)


def test_the_example_is_what_anybody_would_write_who_follows_the_text(tmp_path: Path) -> None:
    export = write_export(tmp_path / "export", _shown("events.jsonl").splitlines())

    assert {name: _shown(name) for name in FILES} == {name: (export / name).read_bytes() for name in FILES}


def test_the_hashes_in_the_text_are_those_of_the_example() -> None:
    first, second, third = (leaf_hash(leaf) for leaf in _shown("events.jsonl").splitlines())

    assert re.findall(r"`([0-9a-f]{64})`", EXAMPLE) == [
        node_hash(first, second).hex(),
        root_of([first, second, third]).hex(),
    ]


# ---------------------------------------------------------------- events.md

_OPERATIONS = re.compile(r"(<!-- operations: .* -->\n)(.*)(<!-- end -->\n)", re.DOTALL)
# How the source names a notice: `journal.notice(actor, "identity.sign_in", …)`, `noticed("api.me")`, `OPERATION = …`.
_NOTICE = re.compile(r"\"((?:api|audit|identity)\.(?!html)[a-z_]+)\"")


def _table(operations: dict[str, Allowance]) -> str:
    rows = [
        f"| `{name}` | {rule.kind} | `{rule.permission}` | {', '.join(named.kind for named in rule.resources)} |\n"
        for name, rule in sorted(operations.items())
    ]
    return "| operation | kind | permission | resources |\n|---|---|---|---|\n" + "".join(rows)


def _operations() -> dict[str, Allowance]:
    table = load_table(SUPPORTED_MLFLOW_VERSIONS[-1])
    routes = [*table.literal.values(), *(route for routes in table.patterns.values() for route in routes)]
    return {route.rule.operation: route.rule for route in routes if isinstance(route.rule, Allowance)}


def test_every_operation_of_the_route_table_is_listed(update_golden: bool) -> None:  # noqa: FBT001  # a fixture
    page = DOCS / "events.md"
    expected = _OPERATIONS.sub(rf"\g<1>{_table(_operations())}\g<3>", page.read_text())
    if update_golden:
        page.write_text(expected)
    assert page.read_text() == expected


def test_every_notice_in_the_source_is_listed_and_no_other() -> None:
    listed = re.findall(r"^\| `(\w+\.\w+)` \|", _section("Notices"), re.MULTILINE)
    found = {name for path in SOURCE.rglob("*.py") for name in _NOTICE.findall(path.read_text())}

    assert listed == sorted(found)


def test_every_field_of_every_stage_is_described() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([a-z, ]+) \|", _section("Fields"), re.MULTILINE)
    described = {name: set(Stage) if stages == "all" else set(stages.split(", ")) for name, stages in rows}

    assert described == _fields()


def _section(title: str) -> str:
    return (DOCS / "events.md").read_text().partition(f"## {title}\n")[2].partition("\n## ")[0]


def _fields() -> dict[str, set[str]]:
    """By field: the stages that have it, when nothing is empty."""
    found: dict[str, set[str]] = {}
    for event in events_with_everything():
        for name in orjson.loads(event.leaf):
            found.setdefault(name, set()).add(event.stage)
    return found
