"""A running installation to measure: a folder of its own, free ports, the sample manifests and as many more."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
from hack.demo.browser import Person

from tenantry_api.up.catalog import DATABASE
from tenantry_api.up.machine import Machine, Options

__all__ = ["Backend", "Site", "folder", "running"]

_SAMPLES = Path(__file__).parents[1] / "hack" / "samples"


@dataclass(frozen=True)
class Backend:
    """How the door itself reaches a project's server."""

    host: str
    port: int
    secret: str


class Site:
    def __init__(self, place: Path) -> None:
        self.manifests = place / "manifests"
        if not self.manifests.exists():
            shutil.copytree(_SAMPLES, self.manifests)
        options = Options(state=place / "state", manifests=self.manifests, port=0)
        self.machine = Machine(options, report=print, progress=lambda _what: nullcontext())

    def token(self, username: str) -> str:
        person = Person(self.machine.url, username)
        person.sign_in()
        return person.create_token("bench")

    def add_project(self, name: str, workspace: str = "vision") -> None:
        (self.manifests / f"{workspace}-{name}.yaml").write_text(
            "apiVersion: tenantry.dev/v1alpha1\nkind: Project\n"
            f"metadata: {{name: {name}, namespace: ws-{workspace}}}\n"
            f"spec: {{displayName: {name}, owner: 'user:alice@example.org'}}\n"
        )

    def wait_until_ready(self) -> None:
        self.machine.wait_for_projects()

    def path(self, name: str, workspace: str = "vision") -> str:
        return f"/w/{workspace}/p/{name}"

    @property
    def port(self) -> int:
        return int(self.machine.url.rpartition(":")[2])

    def sql(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        with psycopg.connect(self.machine.postgres.url(DATABASE), autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def backend(self, name: str, workspace: str = "vision") -> Backend:
        """Of a project that runs."""
        found = self.sql(
            "SELECT address, secret FROM catalog.backend WHERE workspace = %s AND project = %s", workspace, name
        )
        address, secret = found[0]
        host, _, port = str(address).removeprefix("http://").rpartition(":")
        return Backend(host, int(port), str(secret))

    def memory(self) -> dict[str, float]:
        """Proportional set size in MB: of each program with its children, and of each server of a project."""
        sizes: dict[str, float] = {}
        for name, pid in self.machine.processes().items():
            process = psutil.Process(pid)
            sizes[name] = _pss(process)
            for child in process.children(recursive=True):
                label = name if name != "operator" else _label(child)
                sizes[label] = sizes.get(label, 0.0) + _pss(child)
        return sizes

    def servers(self) -> list[psutil.Process]:
        """The processes of projects: children of the spawner."""
        operator = psutil.Process(self.machine.processes()["operator"])
        return [server for spawner in operator.children() for server in spawner.children()]


@contextmanager
def folder() -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix="tenantry-bench-"))
    place.chmod(0o711)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextmanager
def running(place: Path) -> Iterator[tuple[Site, float]]:
    """The site and how many seconds its start took."""
    site = Site(place)
    begun = time.monotonic()
    site.machine.start()
    try:
        yield site, time.monotonic() - begun
    finally:
        site.machine.stop()


def _pss(process: psutil.Process) -> float:
    try:
        return float(process.memory_full_info().pss) / 1e6
    except psutil.NoSuchProcess:
        return 0.0


def _label(child: psutil.Process) -> str:
    parent = child.parent()
    return "servers" if parent is not None and "spawner" in " ".join(parent.cmdline()) else "spawner"
