"""Options and the fixtures that start real servers. What a folder of tests may do is in README.md."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.postgres import CatalogDatabase, PostgresServer, catalog_on, make_template, running_server


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite tests/golden; then read the diff")


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-golden"))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One server a session, empty but for the catalog's template and roles. A test that stops it starts it again."""
    with running_server() as server:
        make_template(server)
        yield server


@pytest.fixture
def catalog(postgres_server: PostgresServer) -> Iterator[CatalogDatabase]:
    """A fresh, migrated catalog with the roles operator, api and auditor."""
    postgres_server.start()
    with catalog_on(postgres_server) as database:
        yield database
