"""The catalog's engine for the operator and migrations; the door has its own, in `tenantry_api.engine`.

An address is libpq's: `postgresql://user:password@host:port/database?sslmode=verify-full&sslrootcert=/etc/ca.crt`, and
psycopg takes it as it stands.
"""

from __future__ import annotations

from sqlalchemy import URL, Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError

__all__ = ["check_url", "libpq_url", "sync_engine"]


def check_url(url: str) -> None:
    """Raises ValueError, which does not repeat the URL: it holds a password."""
    try:
        driver = make_url(url).drivername
    except (ArgumentError, ValueError):
        driver = ""
    if driver.partition("+")[0] != "postgresql":
        raise ValueError("must be postgresql://user:password@host:port/database, with special characters as %XX")


def sync_engine(url: str, *, application: str) -> Engine:
    """`url` is `postgresql://user:password@host:port/database`, with any of libpq's parameters."""
    arguments = {"application_name": application, "connect_timeout": 5}
    return create_engine(_with_driver(url, "psycopg"), pool_pre_ping=True, connect_args=arguments)


def libpq_url(url: str) -> str:
    """The same address without SQLAlchemy's driver, as psycopg takes it itself; in no other way changed."""
    # Not rendered again: SQLAlchemy writes spaces as they are, or as a plus, and libpq takes neither.
    return f"postgresql{url[url.index('://') :]}".replace(" ", "%20")


def _with_driver(url: str, driver: str) -> URL:
    return make_url(url).set(drivername=f"postgresql+{driver}")
