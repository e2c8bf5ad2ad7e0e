"""Two installations on one PostgreSQL, with a workspace and a project of the same names: neither takes the other's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.support.operator import Home, home_on, running_operator
from tests.support.postgres import CatalogDatabase, PostgresServer, catalog_on
from tests.support.wait import until


@pytest.fixture
def home(postgres_server: PostgresServer, catalog: CatalogDatabase, tmp_path: Path) -> Iterator[Home]:
    with home_on(postgres_server, catalog, tmp_path) as home:
        home.write_workspace()
        yield home


@pytest.fixture
def other(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """Another one, with a catalog of its own and a workspace of the same name."""
    directory = tmp_path_factory.mktemp("other")
    (directory / "manifests").mkdir()
    with catalog_on(home.server) as catalog:
        with psycopg.connect(catalog.owner_url) as connection:  # As if it were no clone.
            connection.execute("UPDATE catalog.installation SET identity = md5(random()::text)::char(16)")
        other = Home(home.server, catalog, directory, home.workspace)
        other.write_workspace()
        yield other


def label(home: Home, project: str) -> str:
    with psycopg.connect(home.server.admin_url) as connection:
        query = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"
        (found,) = connection.execute(query, (f"tnt_{home.workspace}_{project}",)).fetchone() or ("",)
        return str(found)


def test_the_one_that_came_later_is_refused_and_takes_nothing_away(home: Home, other: Home) -> None:
    home.write_project("roads")
    with running_operator(home):
        home.until_ready("roads")
    before = label(home, "roads")
    other.write_project("roads", "deletionPolicy: Delete")
    with running_operator(other):
        until(lambda: other.condition("roads", "DatabaseReady")[0] == "False", deadline=30)
        assert before in other.condition("roads", "DatabaseReady")[2]
        other.remove("roads.yaml")
        until(lambda: not other.project("roads"), deadline=30)
    assert label(home, "roads") == before
    with running_operator(home):
        home.want("roads")
        until(lambda: home.backend("roads")["state"] == "running")


def test_a_catalog_in_the_place_of_a_lost_one_finds_all_data_once_it_has_its_identity(home: Home, other: Home) -> None:
    home.write_project("roads")
    with running_operator(home):
        home.until_ready("roads")
    before = label(home, "roads")
    # As docs/backup.md says: it stands at the end of every comment.
    other.query("UPDATE catalog.installation SET identity = %s", before.rpartition("@")[2])
    other.write_project("roads")
    with running_operator(other):
        other.until_ready("roads")
    assert label(home, "roads") == before
