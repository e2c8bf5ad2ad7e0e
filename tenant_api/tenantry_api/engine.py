"""The door's engine for the catalog, asynchronous.

An address is libpq's, as everywhere. asyncpg does the same with TLS, under the same names, and takes what else it does
not know for a setting of the server; `asyncpg_url` stands between.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Final

import asyncpg
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from tenantry_catalog.engine import check_url

__all__ = ["async_engine", "asyncpg_url"]

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


def async_engine(url: str, *, application: str, size: int = 8) -> AsyncEngine:
    """The same addresses, as far as `asyncpg_url` takes them."""
    address = asyncpg_url(url)

    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(
            address, timeout=5, command_timeout=30, server_settings={"application_name": application}
        )

    return create_async_engine("postgresql+asyncpg://", async_creator=connect, pool_pre_ping=True, pool_size=size)


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
