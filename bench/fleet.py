"""A fleet on a real API server without a node: how fast its objects are there, and what the operator writes at rest and
after a restart; the memory that it takes, with the libraries of its image. PostgreSQL is real; projects share a bucket,
and nobody makes keys.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from psycopg import sql
from pydantic import SecretStr

from bench.report import Figure, at_most
from tenantry_crds.meta import SUPPORTED_MLFLOW_VERSIONS
from tenantry_operator.plan.naming import template_name
from tenantry_operator.provision.administrator import Administrator
from tenantry_operator.provision.template import Templates, migrate
from tests.support.apiserver import ApiServer, api_server
from tests.support.cluster_operator import Installed, RunningOperator
from tests.support.kinds import API, install
from tests.support.postgres import catalog_on, make_template, running_server
from tests.support.s3 import running_versity
from tests.support.wait import until

__all__ = ["measure_fleet"]

_ROOT = Path(__file__).parents[1]
_WORKSPACES = 50
_PROJECTS = 1000
_COPIES = 50
_REST_SECONDS = 600
_DEADLINE = 900.0
_DEPLOYMENTS = "/apis/apps/v1/deployments?limit=1"


def measure_fleet() -> list[Figure]:
    with _place() as place:
        keyless = {"storage_driver": "workload-identity", "storage_bucket": place.storage.bucket()}
        copied = _copy_templates(place)
        _declare(place)
        begun = time.monotonic()
        with place.running(**keyless) as operator:
            until(lambda: _count(place.server) == _PROJECTS, deadline=_DEADLINE, what="all Deployments")
            floor = f", of which PostgreSQL alone takes {copied:.0f} s to copy databases"
            figures = [at_most("1,000 projects: all objects applied", time.monotonic() - begun, 60, "s", floor)]
            until(lambda: operator.settled, deadline=_DEADLINE, what="everything to be looked at")
            before = operator.writes
            time.sleep(_REST_SECONDS)
            figures.append(at_most("1,000 projects: writes in ten minutes at rest", _more(before, operator), 0, ""))
            memory = psutil.Process(operator.process.pid).memory_info().rss / 2**20
            figures.append(at_most("1,000 projects: memory of the operator (RSS)", memory, 150, "MB"))
        begun = time.monotonic()
        with place.running("operator-1", **keyless) as operator:
            until(lambda: operator.settled, deadline=_DEADLINE, what="the next operator to have looked at everything")
            figures.append(at_most("1,000 projects: restart", time.monotonic() - begun, 15, "s"))
            figures.append(at_most("1,000 projects: writes after a restart", _more({}, operator), 0, ""))
        return figures


@contextmanager
def _place() -> Iterator[Installed]:
    with api_server() as server, running_server() as postgres, running_versity() as storage:
        make_template(postgres)
        templates = Templates(Administrator(SecretStr(postgres.admin_url)), migrate)
        templates.ensure(SUPPORTED_MLFLOW_VERSIONS[-1])
        install(server)
        with catalog_on(postgres) as catalog, tempfile.TemporaryDirectory() as home:
            image = _Image(Path(home))
            place = Installed(
                server, postgres, catalog, storage, Path(home), python=image.python(), environment=image.environment()
            )
            server.ask("POST", "/api/v1/namespaces", {"metadata": {"name": place.installation}})
            yield place


@dataclass(frozen=True)
class _Image:
    """What the operator's image has: some libraries import others where they find them."""

    home: Path

    def python(self) -> str:
        python = self.home / "image" / "bin" / "python"
        venv.create(self.home / "image", symlinks=True)
        uv = Path(sys.executable).with_name("uv")
        lock = ("--require-hashes", "--no-deps", "-r", str(_ROOT / "requirements" / "operator.txt"))
        subprocess.run([uv, "pip", "install", "-q", "--compile-bytecode", "--python", python, *lock], check=True)  # noqa: S603  ours
        (packages,) = (self.home / "image" / "lib").glob("python3*/site-packages")
        sources = (_ROOT / name for name in ("crds", "operator", "tenant_api"))
        (packages / "tenantry.pth").write_text("".join(f"{source}\n" for source in sources))
        return str(python)

    def environment(self) -> dict[str, str]:
        set_there = re.findall(r"\b(MALLOC_\w+)=(\w+)", (_ROOT / "operator" / "Dockerfile").read_text())
        return dict(set_there)


def _copy_templates(place: Installed) -> float:
    """The seconds that so many copies of the template would take with nothing else at work, from a few of them."""
    template = sql.Identifier(template_name(SUPPORTED_MLFLOW_VERSIONS[-1]))

    def copy(number: int) -> None:
        place.postgres.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(f"copy_{number}"), template)
        )

    begun = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(copy, range(_COPIES)))
    seconds = (time.monotonic() - begun) / _COPIES * _PROJECTS
    for number in range(_COPIES):
        place.postgres.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(f"copy_{number}")))
    return seconds


def _declare(place: Installed) -> None:
    """The namespaces are there before, as the operator would make them: projects can be declared at once."""
    for number in range(_WORKSPACES):
        labels = {"tenantry.dev/installation": place.installation, "tenantry.dev/workspace": f"fleet-{number}"}
        namespace = {"metadata": {"name": f"ws-fleet-{number}", "labels": labels}}
        place.server.ask("POST", "/api/v1/namespaces", namespace)
        place.server.ask("POST", f"{API}/workspaces", _resource("Workspace", {"name": f"fleet-{number}"}, {}))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: _declare_project(place, number), range(_PROJECTS)))


def _declare_project(place: Installed, number: int) -> None:
    namespace = f"ws-fleet-{number % _WORKSPACES}"
    document = _resource("Project", {"name": f"p{number}", "namespace": namespace}, {"owner": "group:fleet"})
    answer = place.server.ask("POST", f"{API}/namespaces/{namespace}/projects", document)
    assert answer.status == 201, answer  # noqa: PLR2004


def _resource(kind: str, metadata: dict[str, str], spec: dict[str, str]) -> dict[str, object]:
    return {"apiVersion": "tenantry.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}


def _count(server: ApiServer) -> int:
    body = server.ask("GET", _DEPLOYMENTS).body
    return len(body["items"]) + int(body["metadata"].get("remainingItemCount") or 0)


def _more(before: dict[str, float], operator: RunningOperator) -> float:
    return sum(operator.writes.values()) - sum(before.values())
