"""An address says how its connection is protected; both ways to the catalog hold to it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import asyncpg
import httpx2
import psycopg
import pytest
from psycopg import sql
from sqlalchemy import text

from tenantry_api.engine import async_engine, asyncpg_url
from tenantry_api.errors import DATABASE_ERRORS
from tenantry_catalog.engine import sync_engine
from tests.support.door import CatalogRows, door_settings, running_door
from tests.support.postgres import CatalogDatabase, catalog_on, make_template
from tests.support.tls import TlsServer, tls_server
from tests.support.upstream import upstream
from tests.support.wait import until

ENCRYPTED = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
ALICE = "alice@example.org"

# Host and parameters; `own` and `stranger` are files of authorities.
ACCEPTED = [
    ("localhost", "sslmode=verify-full&sslrootcert={own}"),
    ("127.0.0.1", "sslmode=verify-ca&sslrootcert={own}"),
    ("127.0.0.1", "sslmode=require"),
    ("127.0.0.1", "sslmode=prefer&connect_timeout=3&keepalives_idle=30"),
    ("127.0.0.1", ""),
]
REFUSED = [
    ("127.0.0.1", "sslmode=verify-full&sslrootcert={own}"),
    ("localhost", "sslmode=verify-full&sslrootcert={stranger}"),
    ("localhost", "sslmode=verify-ca&sslrootcert={stranger}"),
    ("localhost", "sslmode=require&sslrootcert={stranger}"),
    ("127.0.0.1", "sslmode=disable"),
]


@pytest.fixture(scope="module")
def tls() -> Iterator[TlsServer]:
    with tls_server() as server:
        make_template(server.server)
        server.server.execute(sql.SQL("CREATE ROLE certified LOGIN"))
        yield server


@pytest.fixture
def tls_catalog(tls: TlsServer) -> Iterator[CatalogDatabase]:
    with catalog_on(tls.server) as database:
        yield database


def at(tls: TlsServer, url: str, host: str, parameters: str) -> str:
    files = parameters.format(own=tls.authority.certificate, stranger=tls.stranger.certificate)
    return f"{url.replace('@127.0.0.1:', f'@{host}:')}?{files}"


async def by_async_engine(url: str) -> bool:
    engine = async_engine(url, application="test")
    try:
        async with engine.connect() as connection:
            return bool(await connection.scalar(text(ENCRYPTED)))
    finally:
        await engine.dispose()


async def by_asyncpg(url: str) -> bool:
    connection = await asyncpg.connect(asyncpg_url(url), timeout=5)
    try:
        return bool(await connection.fetchval(ENCRYPTED))
    finally:
        await connection.close()


async def by_sync_engine(url: str) -> bool:
    def ask() -> bool:
        engine = sync_engine(url, application="test")
        try:
            with engine.connect() as connection:
                return bool(connection.scalar(text(ENCRYPTED)))
        finally:
            engine.dispose()

    return await asyncio.to_thread(ask)


Way = Callable[[str], Awaitable[bool]]
WAYS: tuple[Way, ...] = (by_async_engine, by_asyncpg, by_sync_engine)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize(("host", "parameters"), ACCEPTED)
async def test_a_connection_is_encrypted_as_the_address_demands(
    tls: TlsServer, way: Way, host: str, parameters: str
) -> None:
    assert await way(at(tls, tls.server.admin_url, host, parameters))


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize(("host", "parameters"), REFUSED)
async def test_nobody_else_is_taken_for_the_database(tls: TlsServer, way: Way, host: str, parameters: str) -> None:
    with pytest.raises(DATABASE_ERRORS):
        await way(at(tls, tls.server.admin_url, host, parameters))


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_a_certificate_stands_for_a_password(tls: TlsServer, way: Way) -> None:
    login = tls.server.url("postgres", "certified", "none")
    trusted = at(tls, login, "localhost", "sslmode=verify-full&sslrootcert={own}")
    assert await way(f"{trusted}&sslcert={tls.client.certificate}&sslkey={tls.client.key}")
    with pytest.raises(DATABASE_ERRORS):
        await way(trusted)


def test_every_connection_of_a_door_is_encrypted(tls: TlsServer, tls_catalog: CatalogDatabase, tmp_path: Path) -> None:
    rows = CatalogRows(tls_catalog)
    rows.project("vision", "segmentation")
    rows.grant("vision", "contributor", ALICE)
    url = at(tls, tls_catalog.api_url, "localhost", "sslmode=verify-full&sslrootcert={own}&connect_timeout=5")
    headers = {"Authorization": f"Bearer {rows.token(ALICE)}"}
    with upstream() as backend, running_door(door_settings(tls_catalog, tmp_path, catalog_url=url)) as door:
        rows.backend("vision", "segmentation", backend.address)
        path = "/w/vision/p/segmentation/api/2.0/mlflow/runs/create"
        answer = httpx2.post(f"{door}{path}", json={"experiment_id": "1"}, headers=headers, timeout=30)
        assert answer.status_code == 200
        until(lambda: len(rows.events("vision")) == 2, what="the record in PostgreSQL")
        until(lambda: rows.execute("SELECT 1 FROM audit.checkpoint"), deadline=20, what="a checkpoint")
        assert set(_encrypted(tls_catalog)) == {True}


def _encrypted(catalog: CatalogDatabase) -> list[bool]:
    query = "SELECT s.ssl FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) WHERE a.usename = 'api'"
    with psycopg.connect(catalog.owner_url) as connection:
        return [row[0] for row in connection.execute(query)]
