"""What all tables have in common: how constraints are named, and how a time is kept."""

from __future__ import annotations

from sqlalchemy import Column, DateTime, MetaData, func

__all__ = ["INSTANT", "created", "metadata"]

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

INSTANT = DateTime(timezone=True)


def created() -> Column[object]:
    return Column("created_at", INSTANT, nullable=False, server_default=func.now())
