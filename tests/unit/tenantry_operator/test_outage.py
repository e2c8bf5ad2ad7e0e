"""What a resource says of an error of the catalog's PostgreSQL: always the same, and nothing that was sent there."""

from __future__ import annotations

import psycopg
import pytest
from sqlalchemy.exc import InterfaceError, OperationalError, ProgrammingError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnection

from tenantry_operator.outage import catalog_trouble

STATEMENT, VALUES = "INSERT INTO catalog.project VALUES (%(secret)s)", {"secret": "s3cr3t"}


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OperationalError(STATEMENT, VALUES, psycopg.OperationalError("connection refused")), "CatalogUnreachable"),
        (InterfaceError(STATEMENT, VALUES, psycopg.InterfaceError("closed")), "CatalogUnreachable"),
        (NoConnection("QueuePool limit reached"), "CatalogUnreachable"),
        (ProgrammingError(STATEMENT, VALUES, psycopg.errors.UndefinedTable("no table")), "CatalogRefuses"),
    ],
)
def test_an_error_of_the_catalog_is_one_of_two_words(error: SQLAlchemyError, reason: str) -> None:
    said = catalog_trouble(error)
    assert (said.type, said.status, said.reason) == ("Ready", "Unknown", reason)
    assert "see " in said.message
    assert "s3cr3t" not in said.message
