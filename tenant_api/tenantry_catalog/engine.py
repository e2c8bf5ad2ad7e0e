"""Engines for the catalog: synchronous for the operator and migrations, asynchronous for the door."""

from __future__ import annotations

from sqlalchemy import URL, Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

__all__ = ["async_engine", "check_url", "libpq_url", "sync_engine"]


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


def async_engine(url: str, *, application: str, size: int = 8) -> AsyncEngine:
    arguments = {"server_settings": {"application_name": application}, "timeout": 5, "command_timeout": 30}
    return create_async_engine(_with_driver(url, "asyncpg"), pool_pre_ping=True, pool_size=size, connect_args=arguments)


def libpq_url(url: str) -> str:
    """The same address without SQLAlchemy's driver, as psycopg and asyncpg take it themselves."""
    return _with_driver(url, None).render_as_string(hide_password=False)


def _with_driver(url: str, driver: str | None) -> URL:
    name = "postgresql" if driver is None else f"postgresql+{driver}"
    return make_url(url).set(drivername=name)
