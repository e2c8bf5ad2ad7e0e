"""An operator on a real PostgreSQL, with servers that are threads of this process: small, and quick to start."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from pydantic import SecretStr

from tenantry_operator.facts import ProjectKey, ServerPlan, WorkspaceKey, WorkspacePlan
from tenantry_operator.machine import machine_operator
from tenantry_operator.runtime import Failed, Running, ServerFailed, State, Stopped
from tenantry_operator.settings import Settings
from tests.support.postgres import CatalogDatabase, PostgresServer
from tests.support.wait import until

__all__ = ["Home", "MemoryRuntime", "drop_all", "home_on", "names_of", "running_operator"]


class MemoryRuntime:
    """Fulfils `Runtime`. A server answers any request that carries its secret, and knows nothing else."""

    rolls = False

    def __init__(
        self,
        directory: Path,
        *,
        on_exit: Callable[[ProjectKey, str], None],
        on_recovery: Callable[[ProjectKey], None],
    ) -> None:
        self.directory = directory
        self._on_exit, self._on_recovery = on_exit, on_recovery
        self._servers: dict[ProjectKey, tuple[ThreadingHTTPServer, Running]] = {}
        self._failed: dict[ProjectKey, str] = {}
        # Why a server of this project does not start.
        self.obstacles: dict[ProjectKey, str] = {}
        # Projects with a server left that has what an older plan said.
        self.unsettled: set[ProjectKey] = set()
        self.starts: list[ProjectKey] = []

    def start(self, plan: ServerPlan) -> Running:
        if plan.key in self._servers:
            return self._servers[plan.key][1]
        self.starts.append(plan.key)
        if reason := self.obstacles.get(plan.key):
            self._failed[plan.key] = reason
            raise ServerFailed(reason)
        self._failed.pop(plan.key, None)
        secret = secrets.token_hex(8)
        server = ThreadingHTTPServer(("127.0.0.1", 0), _answering(secret))
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        running = Running(f"http://127.0.0.1:{server.server_port}", SecretStr(secret))
        self._servers[plan.key] = server, running
        return running

    def stop(self, key: ProjectKey) -> None:
        self._failed.pop(key, None)
        if found := self._servers.pop(key, None):
            found[0].shutdown()
            found[0].server_close()

    def is_settled(self, key: ProjectKey) -> bool:
        return key not in self.unsettled

    def state(self, key: ProjectKey) -> State:
        if key in self._servers:
            return self._servers[key][1]
        if key in self._failed:
            return Failed(self._failed[key])
        return Stopped()

    def ensure_workspace(self, plan: WorkspacePlan) -> None:
        pass

    def remove_workspace(self, key: WorkspaceKey) -> bool:  # noqa: ARG002
        return True

    def prepare(self, plan: ServerPlan) -> None:
        pass

    def dismantle(self, key: ProjectKey) -> None:
        pass

    def forget(self, key: ProjectKey) -> None:
        pass

    def close(self) -> None:
        for key in list(self._servers):
            self.stop(key)

    def crash(self, key: ProjectKey, reason: str) -> None:
        """End a server as if by itself."""
        self.stop(key)
        self._failed[key] = reason
        self._on_exit(key, reason)

    def recover(self, plan: ServerPlan) -> None:
        self.start(plan)
        self._on_recovery(plan.key)


def _answering(secret: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200 if self.headers["X-Tenantry-Backend-Secret"] == secret else 403)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@dataclass(frozen=True)
class Home:
    """Where an operator lives: its manifests, its state, its catalog; and a workspace name that nobody else has."""

    server: PostgresServer
    catalog: CatalogDatabase
    directory: Path
    workspace: str = field(default_factory=lambda: f"w{secrets.token_hex(4)}")

    @property
    def settings(self) -> Settings:
        return Settings(
            catalog_url=SecretStr(self.catalog.operator_url),
            provision_url=SecretStr(self.server.admin_url),
            source_directory=self.directory / "manifests",
            state_directory=self.directory / "state",
        )

    def key(self, project: str) -> ProjectKey:
        return ProjectKey(self.workspace, project)

    def write(self, name: str, text: str) -> None:
        """Put a manifest there as a careful editor does: at once."""
        draft = self.directory / "manifests" / f".{name}"
        draft.write_text(text)
        draft.rename(draft.with_name(name))

    def remove(self, name: str) -> None:
        (self.directory / "manifests" / name).unlink()

    def write_workspace(self, spec: str = "{}", name: str | None = None) -> None:
        name = name or self.workspace
        head = f"apiVersion: tenantry.dev/v1alpha1\nkind: Workspace\nmetadata: {{name: {name}}}\n"
        self.write(f"{name}.yaml", f"{head}spec: {spec}\n")

    def write_project(self, project: str, spec: str = "", annotations: str = "{}") -> None:
        metadata = f"{{name: {project}, namespace: ws-{self.workspace}, annotations: {annotations}}}"
        head = f"apiVersion: tenantry.dev/v1alpha1\nkind: Project\nmetadata: {metadata}\n"
        self.write(f"{project}.yaml", f"{head}spec: {{owner: 'group:a', {spec}}}\n")

    def query(self, statement: str, *values: object) -> list[dict[str, Any]]:
        """Ask the catalog, as its owner."""
        with psycopg.connect(self.catalog.owner_url, row_factory=dict_row) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def project(self, project: str) -> dict[str, Any]:
        rows = self.query("SELECT * FROM catalog.project WHERE (workspace, name) = (%s, %s)", *self.key(project))
        return rows[0] if rows else {}

    def condition(self, project: str, kind: str = "Ready") -> tuple[str, str, str]:
        """Status, reason and message; empty while there are none."""
        for condition in self.project(project).get("conditions", ()):
            if condition["type"] == kind:
                return condition["status"], condition["reason"], condition["message"]
        return "", "", ""

    def backend(self, project: str) -> dict[str, Any]:
        (row,) = self.query("SELECT * FROM catalog.backend WHERE (workspace, project) = (%s, %s)", *self.key(project))
        return row

    def want(self, project: str) -> None:
        """Ask for a backend as the door does."""
        with psycopg.connect(self.catalog.api_url) as connection:
            connection.execute(
                "INSERT INTO catalog.demand (workspace, project, wanted_at) VALUES (%s, %s, now()) "
                "ON CONFLICT (workspace, project) DO UPDATE SET wanted_at = now()",
                self.key(project),
            )

    def revision(self) -> int:
        return int(self.query("SELECT value FROM catalog.revision")[0]["value"])

    def until_ready(self, *projects: str, deadline: float = 180.0) -> None:
        for project in projects:
            until(lambda: self.project(project).get("ready"), deadline=deadline, what=f"{project} to be ready")  # noqa: B023

    def databases(self) -> set[str]:
        return names_of(self.server, self.workspace)


def names_of(server: PostgresServer, workspace: str) -> set[str]:
    """Return the databases and roles of a workspace's projects, drafts included, as `database name` and `role name`."""
    with psycopg.connect(server.admin_url) as connection:
        rows = connection.execute(
            "SELECT 'database ' || datname FROM pg_database WHERE starts_with(datname, %(mine)s) "
            "UNION SELECT 'role ' || rolname FROM pg_roles WHERE starts_with(rolname, %(mine)s)",
            {"mine": f"tnt_{workspace}_"},
        )
        return {name for (name,) in rows}


def drop_all(server: PostgresServer, workspace: str) -> None:
    """Databases before roles, as the alphabet has it: a role that owns tables cannot go."""
    for kind, name in sorted(name.split(" ", 1) for name in names_of(server, workspace)):
        force = sql.SQL("WITH (FORCE)" if kind == "database" else "")
        server.execute(sql.SQL("DROP {} {} {}").format(sql.SQL(kind.upper()), sql.Identifier(name), force))


@contextmanager
def home_on(server: PostgresServer, catalog: CatalogDatabase, directory: Path) -> Iterator[Home]:
    (directory / "manifests").mkdir()
    home = Home(server, catalog, directory)
    yield home
    server.start()
    drop_all(server, home.workspace)


@contextmanager
def running_operator(home: Home) -> Iterator[MemoryRuntime]:
    """Run it in a thread, as `python -m tenantry_operator` does in a process; stop it at the end."""
    made: list[MemoryRuntime] = []

    def make_runtime(directory: Path, **callbacks: Any) -> MemoryRuntime:
        made.append(MemoryRuntime(directory, **callbacks))
        return made[0]

    stop = Event()
    operator = machine_operator(home.settings, make_runtime)
    thread = Thread(target=operator.run, args=(stop,), name="operator")
    thread.start()
    try:
        yield made[0]
    finally:
        stop.set()
        thread.join()
