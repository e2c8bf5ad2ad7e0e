"""Engines for the catalog: synchronous for the operator and migrations, asynchronous for the door.

An address is libpq's: `postgresql://user:password@host:port/database?sslmode=verify-full&sslrootcert=/etc/ca.crt`.
psycopg takes it as it stands. asyncpg does the same with TLS, under the same names, and takes what else it does not
know for a setting of the server; `asyncpg_url` stands between.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Final

import asyncpg
from sqlalchemy import URL, Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

__all__ = ["async_engine", "asyncpg_url", "check_url", "libpq_url", "sync_engine"]

_SSL_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_FILES: Final = ("sslcert", "sslcrl", "sslkey", "sslrootcert")

# Of libpq alone, and without them a connection is no less safe: asyncpg has its own ways.
_TUNING: Final = frozenset(
    {
        "client_encoding",
        "connect_timeout",
        "fallback_application_name",
        "gssdelegation",
        "gssencmode",
        "keepalives",
        "keepalives_count",
        "keepalives_idle",
        "keepalives_interval",
        "load_balance_hosts",
        "sslcompression",
        "sslsni",
        "tcp_user_timeout",
    }
)
# What asyncpg cannot promise.
_UNKEPT: Final = (
    "channel_binding",
    "hostaddr",
    "require_auth",
    "requirepeer",
    "requiressl",
    "sslcertmode",
    "sslcrldir",
)


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
    """The same addresses, as far as `asyncpg_url` takes them."""
    address = asyncpg_url(url)

    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(
            address, timeout=5, command_timeout=30, server_settings={"application_name": application}
        )

    return create_async_engine("postgresql+asyncpg://", async_creator=connect, pool_pre_ping=True, pool_size=size)


def libpq_url(url: str) -> str:
    """The same address without SQLAlchemy's driver, as psycopg takes it itself; in no other way changed."""
    # Not rendered again: SQLAlchemy writes spaces as they are, or as a plus, and libpq takes neither.
    return f"postgresql{url[url.index('://') :]}".replace(" ", "%20")


def asyncpg_url(url: str) -> str:
    """The same address as asyncpg takes it. Raises ValueError over what would not hold, or could never connect."""
    check_url(url)
    address = make_url(url).set(drivername="postgresql")
    query = {name: value for name, value in address.query.items() if name not in _TUNING}
    for name in _UNKEPT:
        if name in query:
            raise ValueError(f"{name}: the door cannot keep to it; leave it out, sslmode=verify-full says more")
    if query.get("sslmode", "prefer") not in _SSL_MODES:
        raise ValueError(f"sslmode: must be one of {', '.join(_SSL_MODES)}")
    if query.get("sslrootcert") == "system":
        query["sslrootcert"] = _system_certificates()
    for name in _FILES:
        _check_file(name, query.get(name))
    return address.set(query=query).render_as_string(hide_password=False).replace(" ", "%20")


def _check_file(name: str, path: str | tuple[str, ...] | None) -> None:
    if path is None:
        return
    try:
        Path(str(path)).read_bytes()
    except OSError as error:
        raise ValueError(f"{name}: {path} cannot be read ({error.strerror}); is it mounted?") from error


def _system_certificates() -> str:
    found = ssl.get_default_verify_paths().cafile
    if found is None:
        raise ValueError("sslrootcert: this system has no certificates of its own; name a file")
    return found


def _with_driver(url: str, driver: str) -> URL:
    return make_url(url).set(drivername=f"postgresql+{driver}")
