"""An operator on a real API server, a real PostgreSQL and a real object store; no node, so that no pod ever runs."""

from __future__ import annotations

import os
import secrets
import signal
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg
from prometheus_client.parser import text_string_to_metric_families
from psycopg.rows import dict_row

from tenantry_api.up.processes import Command, Process
from tests.support.apiserver import Answer, ApiServer
from tests.support.kinds import API
from tests.support.oidc import free_port
from tests.support.postgres import CatalogDatabase, PostgresServer
from tests.support.s3 import S3Server
from tests.support.wait import until

__all__ = ["Installed", "RunningOperator", "paths_of"]

_DEADLINE = 60.0
_NAMES = Path(__file__).with_name("cluster_names")


def paths_of(namespace: str, name: str) -> dict[str, str]:
    """The address of each object of a project, by kind."""
    return {
        "Deployment": f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}",
        "NetworkPolicy": f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies/{name}",
        "Secret": f"/api/v1/namespaces/{namespace}/secrets/{name}",
        "Service": f"/api/v1/namespaces/{namespace}/services/{name}",
        "ServiceAccount": f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}",
    }


@dataclass
class RunningOperator:
    """One operator, as a process; it shows on its metrics page what it does."""

    process: Process
    port: int

    @property
    def figures(self) -> dict[str, float]:
        """Empty while it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as answer:
                page = answer.read().decode()
        except OSError:
            return {}
        samples = (sample for family in text_string_to_metric_families(page) for sample in family.samples)
        return {f"{one.name} {' '.join(one.labels.values())}".strip(): one.value for one in samples}

    @property
    def writes(self) -> dict[str, float]:
        """Calls that write, but those that keep the Lease."""
        prefix = "tenantry_operator_kubernetes_writes_total "
        found = {name.removeprefix(prefix): count for name, count in self.figures.items() if name.startswith(prefix)}
        return {which: count for which, count in found.items() if not which.startswith("Lease")}

    @property
    def leads(self) -> bool:
        return self.figures.get("tenantry_operator_leader") == 1

    @property
    def settled(self) -> bool:
        """Whether it leads, and has looked at everything that was due."""
        return self.leads and self.figures.get("tenantry_operator_keys_due") == 0

    def end(self) -> None:
        self.process.stop()

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.stop()


@dataclass
class Installed:
    """Where operators are installed: a namespace for them, workspaces with names that nobody else has."""

    server: ApiServer
    postgres: PostgresServer
    catalog: CatalogDatabase
    storage: S3Server
    home: Path
    workspace: str = field(default_factory=lambda: f"w{secrets.token_hex(3)}")
    installation: str = field(default_factory=lambda: f"i{secrets.token_hex(3)}")
    python: str = sys.executable
    environment: Mapping[str, str] = field(default_factory=dict)
    # Where the names of Services lead, for tests with backends that answer.
    services: int | None = None

    @property
    def namespace(self) -> str:
        return f"ws-{self.workspace}"

    @cached_property
    def archive(self) -> str:
        return self.storage.bucket()

    @property
    def settings(self) -> dict[str, str]:
        storage = self.storage.settings
        return {
            "catalog_url": self.catalog.operator_url,
            "provision_url": self.postgres.admin_url,
            "namespace": self.installation,
            "installation": self.installation,
            "backend_image": "localhost/tenantry-backend:dev",
            "public_url": "https://tracking.example.org",
            "storage_driver": self.storage.driver.value,
            "storage_endpoint": storage.endpoint or "",
            "storage_iam_endpoint": storage.iam_endpoint or "",
            "storage_access_key": storage.access_key or "",
            "storage_secret_key": storage.secret_key.get_secret_value() if storage.secret_key else "",
            "storage_ca_file": str(storage.authority or ""),
            "workspace_admin_role": "tenantry-workspace-admin",
            "deletion_grace": "0",
            "archive_bucket": self.archive,
        }

    @contextmanager
    def running(self, pod: str = "operator-0", via: Path | None = None, **changes: str) -> Iterator[RunningOperator]:
        """`via` is another kubeconfig than the server's own."""
        port = free_port()
        settings = self.settings | {"pod": pod, "listen": f"127.0.0.1:{port}"} | changes
        environment = {f"TENANTRY_{name}".upper(): value for name, value in settings.items()}
        environment |= {"KUBECONFIG": str(via or self.server.kubeconfig), "PATH": os.environ["PATH"]}
        environment |= self.environment
        if self.services:
            environment |= {"PYTHONPATH": str(_NAMES), "TEST_SERVICES": str(self.services)}
        argv = (self.python, "-W", "error::DeprecationWarning:tenantry_operator", "-m", "tenantry_operator")
        log = self.home / f"{pod}.log"
        process = Process(Command(pod, argv, environment, log, signal.SIGTERM))
        try:
            yield RunningOperator(process, port)
        finally:
            process.stop()

    def create(self, document: dict[str, Any]) -> Answer:
        namespace = document["metadata"].get("namespace")
        path = f"{API}/namespaces/{namespace}/projects" if namespace else f"{API}/workspaces"
        answer = self.server.ask("POST", path, document)
        assert answer.status == 201, answer
        return answer

    def create_workspace(self, **spec: Any) -> None:
        self.create(_resource("Workspace", {"name": self.workspace}, spec))

    def create_project(self, name: str, **spec: Any) -> None:
        """As soon as the namespace is there."""
        path = f"/api/v1/namespaces/{self.namespace}"
        until(lambda: self.server.ask("GET", path).status == 200, deadline=_DEADLINE, what=self.namespace)
        metadata = {"name": name, "namespace": self.namespace}
        self.create(_resource("Project", metadata, {"owner": "group:a"} | spec))

    def path(self, project: str | None = None) -> str:
        if project is None:
            return f"{API}/workspaces/{self.workspace}"
        return f"{API}/namespaces/{self.namespace}/projects/{project}"

    def merge(self, path: str, change: object) -> Answer:
        return self.server.ask("PATCH", path, change, content_type="application/merge-patch+json")

    def condition(self, path: str, kind: str = "Ready") -> dict[str, Any]:
        """Empty while there is none."""
        status = self.server.ask("GET", path).body.get("status", {})
        if not isinstance(status, dict):
            return {}
        found: list[dict[str, Any]] = status.get("conditions", [])
        return next((one for one in found if one["type"] == kind), {})

    def until_condition(self, path: str, kind: str, **wanted: str) -> dict[str, Any]:
        def holds() -> bool:
            return wanted.items() <= self.condition(path, kind).items()

        until(holds, deadline=_DEADLINE, what=f"{kind} {wanted} of {path}")
        return self.condition(path, kind)

    def until_applied(self, *projects: str) -> None:
        """Everything but a pod that runs."""
        for project in projects:
            self.until_condition(self.path(project), "BackendAvailable", reason="Starting")

    def want(self, project: str) -> None:
        """Ask for a backend as the door does."""
        with psycopg.connect(self.catalog.api_url) as connection:
            connection.execute(
                "INSERT INTO catalog.demand (workspace, project, wanted_at) VALUES (%s, %s, now()) "
                "ON CONFLICT (workspace, project) DO UPDATE SET wanted_at = now()",
                (self.workspace, project),
            )

    def query(self, statement: str, *values: object) -> list[dict[str, Any]]:
        with psycopg.connect(self.catalog.owner_url, row_factory=dict_row) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []


def _resource(kind: str, metadata: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "tenantry.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}
