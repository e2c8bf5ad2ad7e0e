"""The database itself refuses what a program must not do: each role, one row per statement."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import errors

from tenantry_catalog.migrate import downgrade, upgrade
from tests.support.postgres import CatalogDatabase

_GRANT_TO_MYSELF = """
INSERT INTO catalog."grant" (workspace, role, effect, subject_kind, subject)
VALUES ('w', 'admin', 'allow', 'user', 'me')
"""

REFUSED = [
    ("api", "UPDATE audit.event SET leaf = ''"),
    ("api", "DELETE FROM audit.event"),
    ("api", "TRUNCATE audit.event"),
    ("api", "UPDATE audit.checkpoint SET note = ''"),
    ("api", "DELETE FROM audit.checkpoint"),
    ("api", _GRANT_TO_MYSELF),
    ("api", "UPDATE catalog.backend SET address = 'http://elsewhere'"),
    ("api", "INSERT INTO catalog.cluster_key (issuer, kid, jwk) VALUES ('https://mine', '1', '{}')"),
    ("api", "UPDATE identity.token SET permissions = NULL"),
    ("api", "DELETE FROM identity.token"),
    ("api", "CREATE TABLE audit.mine (id int)"),
    ("operator", "SELECT * FROM identity.session"),
    ("operator", "SELECT * FROM audit.event"),
    ("operator", "UPDATE catalog.revision SET value = 0"),
    ("operator", "UPDATE catalog.installation SET identity = '0123456789abcdef'"),
    ("operator", "UPDATE catalog.demand SET used_at = now()"),
    ("auditor", "SELECT * FROM catalog.project"),
    ("auditor", "SELECT * FROM identity.person"),
    ("auditor", "INSERT INTO audit.log (name, size, frontier) VALUES ('w', 0, '{}')"),
    # The owner is nobody's login at run time; even so, a record is not changed by an accident of his.
    ("owner", "UPDATE audit.event SET leaf = ''"),
    ("owner", "DELETE FROM audit.event"),
    ("owner", "TRUNCATE audit.event"),
]

ALLOWED = [
    ("api", "UPDATE audit.log SET size = size"),
    ("api", "UPDATE audit.spool SET position = position"),
    ("api", "UPDATE identity.token SET revoked_at = now()"),
    ("operator", "UPDATE catalog.workspace SET display_name = 'V'"),
    ("operator", "UPDATE catalog.demand SET wanted_at = NULL"),
    ("operator", "SELECT identity FROM catalog.installation"),
    ("operator", "INSERT INTO catalog.cluster_key (issuer, kid, jwk) VALUES ('https://cluster', '1', '{}')"),
    ("api", "SELECT jwk FROM catalog.cluster_key"),
    ("auditor", "SELECT leaf FROM audit.event"),
]


@pytest.mark.parametrize(("role", "statement"), REFUSED)
def test_a_role_is_refused_what_it_does_not_need(catalog: CatalogDatabase, role: str, statement: str) -> None:
    with psycopg.connect(_url(catalog, role)) as connection, pytest.raises(errors.InsufficientPrivilege):
        connection.execute(statement)


@pytest.mark.parametrize(("role", "statement"), ALLOWED)
def test_a_role_can_do_its_work(catalog: CatalogDatabase, role: str, statement: str) -> None:
    with psycopg.connect(_url(catalog, role)) as connection:
        connection.execute(statement)


def test_the_revision_moves_with_every_change_of_what_the_door_reads(catalog: CatalogDatabase) -> None:
    with psycopg.connect(catalog.operator_url, autocommit=True) as connection:
        seen = [_revision(connection)]
        for statement in (
            "INSERT INTO catalog.workspace (name, display_name) VALUES ('w', 'W')",
            (
                "INSERT INTO catalog.project (workspace, name, display_name, owner, mlflow_version) "
                "VALUES ('w', 'p', 'P', 'user:a', '3.17.2')"
            ),
            (
                'INSERT INTO catalog."grant" (workspace, role, effect, subject_kind, subject) '
                "VALUES ('w', 'viewer', 'allow', 'user', 'a')"
            ),
            "INSERT INTO catalog.backend (workspace, project, state) VALUES ('w', 'p', 'stopped')",
            'DELETE FROM catalog."grant"',
            "INSERT INTO catalog.cluster_key (issuer, kid, jwk) VALUES ('https://cluster', '1', '{}')",
            "DELETE FROM catalog.cluster_key",
        ):
            connection.execute(statement)
            seen.append(_revision(connection))
    assert seen == sorted(set(seen))


@pytest.mark.parametrize(
    ("role", "channel", "statement", "payload"),
    [
        ("api", "demand", "INSERT INTO catalog.demand (workspace, project, wanted_at) VALUES ('w', 'p', now())", "w/p"),
        ("operator", "catalog", "INSERT INTO catalog.workspace (name, display_name) VALUES ('w', 'W')", "1"),
        ("api", "identity", "DELETE FROM identity.session", "session"),
    ],
)
def test_a_change_notifies_whoever_waits_for_it(
    catalog: CatalogDatabase, role: str, channel: str, statement: str, payload: str
) -> None:
    with (
        psycopg.connect(catalog.api_url, autocommit=True) as listener,
        psycopg.connect(_url(catalog, role), autocommit=True) as writer,
    ):
        listener.execute(f"LISTEN {channel}")
        writer.execute(statement)
        heard = next(listener.notifies(timeout=5))
    assert (heard.channel, heard.payload) == (channel, payload)


def test_recording_use_alone_wakes_nobody(catalog: CatalogDatabase) -> None:
    with (
        psycopg.connect(catalog.operator_url, autocommit=True) as listener,
        psycopg.connect(catalog.api_url, autocommit=True) as door,
    ):
        listener.execute("LISTEN demand")
        door.execute("INSERT INTO catalog.demand (workspace, project, used_at) VALUES ('w', 'p', now())")
        door.execute("INSERT INTO catalog.demand (workspace, project, wanted_at) VALUES ('w', 'q', now())")
        heard = [n.payload for n in listener.notifies(timeout=5, stop_after=1)]
    assert heard == ["w/q"]


def test_migrations_go_down_and_up_again(catalog: CatalogDatabase) -> None:
    downgrade(catalog.owner_url)
    upgrade(catalog.owner_url)
    with psycopg.connect(catalog.owner_url) as connection:
        assert _revision(connection) == 0


def test_the_first_catalog_gets_what_came_later(catalog: CatalogDatabase) -> None:
    downgrade(catalog.owner_url, "0001")
    with psycopg.connect(catalog.owner_url) as connection:
        assert connection.execute("SELECT to_regclass('catalog.cluster_key')").fetchone() == (None,)
    upgrade(catalog.owner_url)
    with psycopg.connect(catalog.owner_url) as connection:
        connection.execute("SELECT issuer, kid, jwk, first_seen, updated_at FROM catalog.cluster_key")


def _revision(connection: psycopg.Connection[tuple[int]]) -> int:
    row = connection.execute("SELECT value FROM catalog.revision").fetchone()
    assert row is not None
    return row[0]


def _url(catalog: CatalogDatabase, role: str) -> str:
    return str(getattr(catalog, f"{role}_url"))
