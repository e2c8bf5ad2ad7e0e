"""What was kept of projects whose manifests are gone: who is shown it, what it is, and that it is on record."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.support.commands import tenantry
from tests.support.door import CatalogRows, door_settings, running_door
from tests.support.postgres import CatalogDatabase
from tests.support.wait import until

ADMIN, AUDITOR, BOTH_GONE = "ada@example.org", "audrey@example.org", "axel@example.org"
CONTRIBUTOR, STRANGER = "alice@example.org", "mallory@example.org"


@pytest.fixture
def rows(catalog: CatalogDatabase) -> CatalogRows:
    """Two workspaces: one that lives and lost a project, one that is gone with all that it had."""
    rows = CatalogRows(catalog)
    rows.project("vision", "segmentation")
    rows.project("vision", "detection", database="p_vision_detection", artifacts="s3://data/vision/detection/")
    rows.project("language", "translation")
    rows.execute("UPDATE catalog.project SET retired_at = '2026-11-01 12:00+00' WHERE name = 'detection'")
    rows.execute("UPDATE catalog.workspace SET retired_at = '2026-11-02 12:00+00' WHERE name = 'language'")
    rows.grant("vision", "admin", ADMIN)
    rows.grant("vision", "auditor", AUDITOR)
    rows.grant("vision", "contributor", CONTRIBUTOR)
    rows.grant("vision", "admin", CONTRIBUTOR, "segmentation")
    rows.grant("language", "auditor", BOTH_GONE)
    return rows


@pytest.fixture
def door(rows: CatalogRows, tmp_path: Path) -> Iterator[str]:
    with running_door(door_settings(rows.catalog, tmp_path)) as url:
        yield url


@pytest.mark.parametrize(
    ("who", "names"),
    [
        (ADMIN, ["detection"]),
        (AUDITOR, ["detection"]),
        (BOTH_GONE, ["translation"]),
        (CONTRIBUTOR, []),
        (STRANGER, []),
    ],
)
def test_admins_and_auditors_of_the_workspace_see_what_was_kept(
    door: str, rows: CatalogRows, who: str, names: list[str]
) -> None:
    answer = httpx2.get(f"{door}/api/v1/orphans", headers={"Authorization": f"Bearer {rows.token(who)}"})
    assert [orphan["name"] for orphan in answer.json()["orphans"]] == names


def test_an_orphan_is_told_with_the_places_of_its_data(door: str, rows: CatalogRows) -> None:
    answer = httpx2.get(f"{door}/api/v1/orphans", headers={"Authorization": f"Bearer {rows.token(ADMIN)}"})
    assert answer.json() == {
        "orphans": [
            {
                "workspace": "vision",
                "name": "detection",
                "display_name": "detection",
                "owner": "group:owners",
                "version": "3.17.2",
                "retired_at": "2026-11-01T12:00:00Z",
                "database": "p_vision_detection",
                "artifacts": "s3://data/vision/detection/",
            }
        ]
    }
    notice = until(lambda: rows.events("_installation"), what="the record")[-1]
    assert (notice["operation"], notice["actor"]["name"]) == ("api.orphans", ADMIN)  # type: ignore[index]


def test_the_command_prints_them(door: str, rows: CatalogRows, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", rows.token(ADMIN))
    heading, row = tenantry("get", "orphans", "--url", door).splitlines()
    assert heading.split() == ["NAME", "RETIRED", "AGO", "VERSION", "DATABASE", "ARTIFACTS"]
    assert row.split()[:2] == ["vision/detection", "2026-11-01T12:00Z"]
    assert row.split()[3:] == ["3.17.2", "p_vision_detection", "s3://data/vision/detection/"]


def test_one_that_comes_back_is_no_orphan(door: str, rows: CatalogRows) -> None:
    headers = {"Authorization": f"Bearer {rows.token(ADMIN)}"}
    rows.execute("UPDATE catalog.project SET retired_at = NULL")
    until(lambda: httpx2.get(f"{door}/api/v1/orphans", headers=headers).json() == {"orphans": []}, what="the end")
