"""A real door on a free port, in a thread of its own, and the rows of the catalog that a test wants to be there."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import psycopg
import uvicorn
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tenantry_api.__main__ import running
from tenantry_api.app import Application
from tenantry_api.identify.secrets import digest, new_token
from tenantry_api.settings import Settings
from tests.support.postgres import CatalogDatabase
from tests.support.wait import until

__all__ = [
    "ALICE",
    "PROJECT",
    "CatalogRows",
    "bearer",
    "client_of",
    "door_settings",
    "recorded",
    "running_door",
]

ISSUER = "http://127.0.0.1:1"
# Who works in which project, wherever a test needs no other.
ALICE = "alice@example.org"
PROJECT = "/w/vision/p/segmentation"


@dataclass(frozen=True)
class CatalogRows:
    """Writes as the operator does, and makes people with tokens as a sign-in would."""

    catalog: CatalogDatabase

    def execute(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        with psycopg.connect(self.catalog.owner_url, autocommit=True) as connection:
            cursor = connection.execute(statement, values)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    def project(self, workspace: str, name: str, **columns: object) -> None:
        self.execute(
            "INSERT INTO catalog.workspace (name, display_name) VALUES (%s, %s) ON CONFLICT DO NOTHING",
            workspace,
            workspace.title(),
        )
        values = {"display_name": name, "owner": "group:owners", "mlflow_version": "3.17.2", "ready": True} | columns
        names, places = ", ".join(values), ", ".join(["%s"] * len(values))
        self.execute(
            f"INSERT INTO catalog.project (workspace, name, {names}) VALUES (%s, %s, {places})",
            workspace,
            name,
            *values.values(),
        )

    def grant(
        self,
        workspace: str,
        role: str,
        subject: str,
        project: str | None = None,
        *,
        effect: str = "allow",
        kind: str = "user",
    ) -> None:
        self.execute(
            'INSERT INTO catalog."grant" (workspace, project, role, effect, subject_kind, subject) '
            "VALUES (%s, %s, %s, %s, %s, %s)",
            workspace,
            project,
            role,
            effect,
            kind,
            subject,
        )

    def publish_key(self, issuer: str, kid: str, jwk: Mapping[str, object]) -> None:
        self.execute(
            "INSERT INTO catalog.cluster_key (issuer, kid, jwk) VALUES (%s, %s, %s)", issuer, kid, json.dumps(dict(jwk))
        )

    def backend(self, workspace: str, project: str, address: str | None, secret: str = "s3cret") -> None:
        """Running at `address`, or stopped."""
        state = "stopped" if address is None else "running"
        self.execute(
            "INSERT INTO catalog.backend (workspace, project, state, address, secret) VALUES (%s, %s, %s, %s, %s) "
            "ON CONFLICT (workspace, project) DO UPDATE SET state = excluded.state, address = excluded.address, "
            "secret = excluded.secret",
            workspace,
            project,
            state,
            address,
            secret if address else None,
        )

    def token(self, email: str) -> str:
        """A fresh token of a person who signed in, for a day."""
        now, secret = datetime.now(UTC), new_token()
        self.execute(
            "INSERT INTO identity.person (issuer, subject, email, signed_in_at) VALUES (%s, %s, %s, %s) "
            "ON CONFLICT DO NOTHING",
            ISSUER,
            email,
            email,
            now,
        )
        self.execute(
            "INSERT INTO identity.token (id, hash, name, issuer, subject, expires_at) VALUES (%s, %s, 't', %s, %s, %s)",
            uuid4(),
            digest(secret),
            ISSUER,
            email,
            now + timedelta(days=1),
        )
        return secret

    def events(self, log: str) -> list[dict[str, object]]:
        """The log's records in order, as they were shipped so far."""
        rows = self.execute(
            "SELECT convert_from(leaf, 'UTF8')::json FROM audit.event WHERE log = %s ORDER BY index", log
        )
        return [row[0] for row in rows]  # type: ignore[misc]


def door_settings(catalog: CatalogDatabase, directory: Path, **values: object) -> Settings:
    key = directory / "signing.pem"
    key.write_bytes(
        Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    key.chmod(0o600)
    return Settings(
        record_directory=directory / "record",
        signing_key_file=key,
        **({"catalog_url": catalog.api_url, "listen": "127.0.0.1:0", "oidc_issuer": ISSUER} | values),  # type: ignore[arg-type]
    )


@contextmanager
def running_door(settings: Settings) -> Iterator[str]:
    """The door's URL, once it is ready."""
    config = uvicorn.Config(
        Application(lambda: running(settings)),
        port=settings.port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="door")
    thread.start()
    try:
        until(lambda: server.started or not thread.is_alive(), deadline=20, what="the door")
        host, port = server.servers[0].sockets[0].getsockname()
        url = f"http://{host}:{port}"
        until(lambda: httpx2.get(f"{url}/readyz").status_code == 200, deadline=20, what=f"{url}/readyz")
        yield url
    finally:
        server.should_exit = True
        thread.join(timeout=30)


def bearer(rows: CatalogRows, email: str = ALICE) -> dict[str, str]:
    return {"Authorization": f"Bearer {rows.token(email)}"}


@contextmanager
def client_of(rows: CatalogRows, directory: Path, *, at: str = PROJECT, **settings: object) -> Iterator[httpx2.Client]:
    """Alice's, at this path of a door that runs with these settings."""
    with (
        running_door(door_settings(rows.catalog, directory, **settings)) as url,
        httpx2.Client(base_url=f"{url}{at}", headers=bearer(rows), timeout=30) as client,
    ):
        yield client


def recorded(rows: CatalogRows, answer: httpx2.Response, count: int, log: str = "vision") -> list[dict[str, Any]]:
    """The events of the answer's own id, once there are so many."""
    own = answer.headers["x-tenantry-request-id"]
    return until(
        lambda: found if len(found := [it for it in rows.events(log) if it["id"] == own]) >= count else None,
        what=f"{count} records of {own}",
    )
