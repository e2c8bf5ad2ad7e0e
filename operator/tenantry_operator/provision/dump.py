"""A database as text, in one snapshot: every table as CSV, and what else it takes to load them again.

PostgreSQL's own COPY writes and reads it, so that nothing but PostgreSQL is needed: the schema comes from MLflow, of
the version and revision that stand beside the dump.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Final

import psycopg
from psycopg import Connection, IsolationLevel
from psycopg.rows import scalar_row
from psycopg.sql import SQL, Composed, Identifier
from pydantic import SecretStr

from tenantry_catalog.engine import libpq_url
from tenantry_operator.errors import ProvisionFailed
from tenantry_operator.provision.administrator import CONNECT_SECONDS

__all__ = ["Snapshot", "Table", "snapshot"]

# What is generated from other columns cannot be loaded, and need not be.
_TABLES: Final = """
SELECT n.nspname, c.relname, array_agg(a.attname::text ORDER BY a.attnum)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
GROUP BY 1, 2 ORDER BY 1, 2
"""
_REFERENCES: Final = """
SELECT n.nspname || '.' || c.relname, m.nspname || '.' || d.relname
FROM pg_constraint f JOIN pg_class c ON c.oid = f.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class d ON d.oid = f.confrelid JOIN pg_namespace m ON m.oid = d.relnamespace
WHERE f.contype = 'f' AND f.conrelid <> f.confrelid
"""
_SEQUENCES: Final = (
    "SELECT schemaname || '.' || sequencename, last_value FROM pg_sequences WHERE last_value IS NOT NULL"
)
_REVISION: Final = "SELECT left(version_num, 64) FROM public.alembic_version LIMIT 1"
# Whose database it is may have set what it likes for its role; no one table takes longer than this.
_OPTIONS: Final = "-c search_path=pg_catalog -c statement_timeout=6h"


@dataclass(frozen=True, slots=True)
class Table:
    """One that holds data, with the columns that COPY names."""

    schema: str
    name: str
    columns: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


class Snapshot:
    """What the database holds at one moment, however long it takes to read."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def revision(self) -> str:
        """Return alembic's, of the schema; empty where there is none."""
        with self._connection.cursor(row_factory=scalar_row) as cursor:
            return str(cursor.execute(_REVISION).fetchone() or "")

    def tables(self) -> tuple[Table, ...]:
        """Return them in an order in which no row is loaded before what it refers to."""
        rows = self._connection.execute(_TABLES).fetchall()
        tables = {
            str(table): table for table in (Table(schema, name, tuple(columns)) for schema, name, columns in rows)
        }
        order: TopologicalSorter[str] = TopologicalSorter(dict.fromkeys(tables, ()))
        for name, referred in self._connection.execute(_REFERENCES):
            order.add(name, referred)
        try:
            return tuple(tables[name] for name in order.static_order() if name in tables)
        except CycleError:
            return tuple(tables.values())

    def sequences(self) -> dict[str, int]:
        """Return the last value that each of them gave."""
        return dict(self._connection.execute(_SEQUENCES).fetchall())

    @contextmanager
    def rows(self, table: Table) -> Iterator[Iterator[bytes]]:
        """Open a table as CSV in UTF-8, with a line of names: a missing value is nothing, an empty one is `""`.

        It has to end before the snapshot does, read to its end or not.
        """
        with self._connection.cursor() as cursor, cursor.copy(_copy(table)) as copy:
            yield (bytes(line) for line in copy)


@contextmanager
def snapshot(address: SecretStr) -> Iterator[Snapshot]:
    """Log in as the project's role. What PostgreSQL refuses becomes ProvisionFailed."""
    url = libpq_url(address.get_secret_value())
    try:
        connection = psycopg.connect(url, connect_timeout=CONNECT_SECONDS, client_encoding="UTF8", options=_OPTIONS)
        with connection:
            connection.isolation_level = IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            yield Snapshot(connection)
    except psycopg.Error as error:
        words = (error.diag.message_primary or str(error)).strip().splitlines()[0]
        raise ProvisionFailed(f"the project's database cannot be read: {words}") from error


def _copy(table: Table) -> Composed:
    return SQL("COPY {} ({}) TO STDOUT (FORMAT csv, HEADER)").format(
        Identifier(table.schema, table.name), SQL(", ").join(map(Identifier, table.columns))
    )
