"""The door's picture of the catalog, read from a real one."""

from __future__ import annotations

import asyncpg
import psycopg
import pytest

from tenantry_api.snapshot import Snapshot, read_snapshot
from tests.support.postgres import CatalogDatabase

_WORKSPACE = "INSERT INTO catalog.workspace (name, display_name, retired_at) VALUES ('vision', 'Vision', %s)"
_PROJECT = (
    "INSERT INTO catalog.project (workspace, name, display_name, owner, mlflow_version, retired_at) "
    "VALUES ('vision', 'roads', 'Roads', 'group:a', '3.17.2', %s)"
)
_LONG_AGO = "2026-01-01T00:00:00Z"


async def _read(catalog: CatalogDatabase) -> Snapshot:
    connection = await asyncpg.connect(catalog.api_url)
    try:
        return await read_snapshot(connection)
    finally:
        await connection.close()


@pytest.mark.parametrize(
    ("workspace_retired_at", "project_retired_at", "retired"),
    [(None, None, False), (None, _LONG_AGO, True), (_LONG_AGO, None, True), (_LONG_AGO, _LONG_AGO, True)],
)
async def test_a_project_retires_with_its_workspace(
    catalog: CatalogDatabase, workspace_retired_at: str | None, project_retired_at: str | None, *, retired: bool
) -> None:
    with psycopg.connect(catalog.operator_url) as connection:
        connection.execute(_WORKSPACE, (workspace_retired_at,))
        connection.execute(_PROJECT, (project_retired_at,))
    snapshot = await _read(catalog)
    assert snapshot.projects["vision", "roads"].retired is retired
    assert snapshot.workspaces["vision"].retired is (workspace_retired_at is not None)
