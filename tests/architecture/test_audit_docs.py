"""What the documentation says of the audit log holds: its example verifies, and the catalogue is complete."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tenantry_api.audit.bundle import FILES, Bundle
from tenantry_api.audit.note import read_key
from tenantry_api.audit.tree import leaf_hash, node_hash, root_of
from tenantry_api.audit.verify import verify
from tests.support.record import write_export

DOCS = Path(__file__).parents[2] / "docs"
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
