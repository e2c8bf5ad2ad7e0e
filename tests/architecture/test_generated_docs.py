"""Pages that are made from code are fresh, and say something about each thing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hack import generate_docs

from tenantry_api.facts import Permission
from tenantry_crds.meta import Annotation, Role


def test_the_pages_in_the_repository_are_fresh() -> None:
    assert generate_docs.main(["--check"]) == 0


def test_a_stale_page_is_named_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generate_docs, "DOCS", tmp_path)
    assert generate_docs.main([]) == 0
    assert generate_docs.main(["--check"]) == 0
    (tmp_path / "roles.md").write_text("# Roles\n")
    assert generate_docs.main(["--check"]) == 1
    assert capsys.readouterr().err == "docs/roles.md is stale: run python hack/generate_docs.py\n"


def test_every_role_permission_and_annotation_has_its_row() -> None:
    roles, resources = generate_docs.roles_page(), generate_docs.resources_page()
    assert {role for role in Role if f"`{role}` |" not in roles} == set()
    assert {permission for permission in Permission if f"| `{permission}` | may " not in roles} == set()
    assert {annotation for annotation in Annotation if f"| `{annotation}` |" not in resources} == set()


def test_what_is_said_to_come_later_is_a_field_that_exists() -> None:
    documented = generate_docs.resources_page().replace("[]", "")
    assert {words for words in generate_docs.LATER.values() if f"| {words} |" not in documented} == set()
    fields = [field for group in generate_docs.LATER for field in group]
    assert {field for field in fields if f"\n| `{field}` |" not in documented} == set()
