"""Guarded MLflow servers for tests: databases to give them, and requests that carry the secret."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from psycopg import sql
from pydantic import SecretStr
from sqlalchemy.engine import make_url

from tenantry_operator.facts import DirectoryPlan, ProjectKey, ServerPlan
from tenantry_operator.provision.directories import Directories
from tenantry_operator.runtime import Running
from tenantry_operator.runtime.process import ProcessRuntime
from tests.support.postgres import PostgresServer

__all__ = [
    "SECRET_HEADER",
    "Calls",
    "Lab",
    "alive",
    "ask",
    "mlflow_database",
    "mlflow_template",
    "new_lab",
    "plan_in",
]

SECRET_HEADER = "X-Tenantry-Backend-Secret"
_TEMPLATE = "mlflow_template_for_tests"


@dataclass
class Calls:
    """What a runtime told its owner, in order."""

    exits: list[tuple[ProjectKey, str]] = field(default_factory=list)
    recoveries: list[ProjectKey] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def on_exit(self, key: ProjectKey, reason: str) -> None:
        with self._lock:
            self.exits.append((key, reason))

    def of(self, key: ProjectKey) -> list[str]:
        """Why the server of this project ended, each time."""
        with self._lock:
            return [reason for ended, reason in self.exits if ended == key]

    def on_recovery(self, key: ProjectKey) -> None:
        with self._lock:
            self.recoveries.append(key)


def mlflow_template(server: PostgresServer) -> None:
    """An empty MLflow database to clone, made by the same command as the operator's."""
    server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(_TEMPLATE)))
    url = _for_sqlalchemy(server.url(_TEMPLATE))
    subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tenantry_backend.migrate"],
        env=os.environ | {"TENANTRY_BACKEND_DATABASE_URL": url},
        check=True,
        capture_output=True,
    )


@contextmanager
def mlflow_database(server: PostgresServer) -> Iterator[str]:
    """The URL of a database of one's own, as a server is given it."""
    name = f"mlflow_{secrets.token_hex(4)}"
    server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(_TEMPLATE)))
    yield _for_sqlalchemy(server.url(name))
    server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def plan_in(home: Path, database_url: str, *, uid: int | None = None) -> ServerPlan:
    """A plan for a project with a fresh name, with its artifacts in place."""
    key = ProjectKey("lab", f"p{secrets.token_hex(4)}")
    artifacts = home / key.project / "artifacts"
    place = DirectoryPlan(artifacts, uid)
    Directories().ensure(place)
    return ServerPlan(key, "3.17.2", SecretStr(database_url), place)


@dataclass(frozen=True)
class Lab:
    """A project's server, and requests to it that carry the secret."""

    runtime: ProcessRuntime
    plan: ServerPlan
    running: Running

    @property
    def key(self) -> ProjectKey:
        return self.plan.key

    @property
    def secret(self) -> str:
        return self.running.secret.get_secret_value()

    @property
    def pid(self) -> int:
        """Of the server's process, as it is now."""
        child = self.runtime._servers[self.key]._child
        assert child is not None
        return child.pid

    def ask(self, path: str, body: object = None) -> tuple[int, bytes]:
        return ask(self.running.address, path, body, {SECRET_HEADER: self.secret})


@contextmanager
def new_lab(runtime: ProcessRuntime, home: Path, database_url: str, *, uid: int | None = None) -> Iterator[Lab]:
    plan = plan_in(home, database_url, uid=uid)
    try:
        yield Lab(runtime, plan, runtime.start(plan))
    finally:
        runtime.stop(plan.key)


def ask(address: str, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
    """One request: the status and the body. What has a body is a POST of JSON."""
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=30)
    try:
        method, content = ("GET", None) if body is None else ("POST", json.dumps(body))
        connection.request(method, path, content, {"Content-Type": "application/json", **(headers or {})})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def alive(pid: int) -> bool:
    """Whether there is such a process, other than one that waits to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _for_sqlalchemy(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
