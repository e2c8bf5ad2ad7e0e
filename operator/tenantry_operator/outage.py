"""What people read while the catalog's PostgreSQL keeps the operator from knowing, and from telling the door."""

from __future__ import annotations

from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnection

from tenantry_crds.meta import Condition
from tenantry_operator.status import unknown

__all__ = ["catalog_trouble"]

_AWAY = (InterfaceError, OperationalError, NoConnection)


def catalog_trouble(error: SQLAlchemyError) -> Condition:
    """The same words each time, so that nothing is written twice: what PostgreSQL said is in the log."""
    if isinstance(error, _AWAY):
        return unknown(
            "CatalogUnreachable",
            "the catalog's PostgreSQL does not answer, so nothing is changed, and what runs is left alone: see that it "
            "runs, and that TENANTRY_CATALOG_URL leads to it",
        )
    return unknown(
        "CatalogRefuses",
        "the catalog's PostgreSQL refuses what the operator asks of it, so nothing is changed: see the operator's log, "
        "and whether the migration to this version has run",
    )
