"""The operator of one machine, put together: a directory of manifests, PostgreSQL, and servers as processes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import structlog
from sqlalchemy import Engine

from tenantry_operator.backends import Backends
from tenantry_operator.facts import Machine, ProjectKey
from tenantry_operator.observe import Observer
from tenantry_operator.operate import Calls, Operator, Parts, database_of
from tenantry_operator.provision.administrator import Administrator
from tenantry_operator.provision.credential import Credentials
from tenantry_operator.provision.directories import Directories
from tenantry_operator.provision.postgres import Postgres
from tenantry_operator.provision.secret_files import SecretFiles
from tenantry_operator.provision.template import Templates, migrate
from tenantry_operator.publish import Catalog
from tenantry_operator.reconcile import Reconciler
from tenantry_operator.removal import Removal
from tenantry_operator.rotation import Rotation
from tenantry_operator.runtime import Runtime
from tenantry_operator.runtime.process import ProcessRuntime, own_uids_obstacle
from tenantry_operator.servers import Servers
from tenantry_operator.settings import Settings
from tenantry_operator.sources.directory import Directory
from tenantry_operator.trust import Trust

__all__ = ["machine_operator"]

log = structlog.get_logger(__name__)


class MakeRuntime(Protocol):
    """A runtime that keeps what it must below `directory`."""

    def __call__(
        self,
        directory: Path,
        *,
        on_exit: Callable[[ProjectKey, str], None],
        on_recovery: Callable[[ProjectKey], None],
    ) -> Runtime: ...


def machine_operator(settings: Settings, make_runtime: MakeRuntime = ProcessRuntime) -> Operator:
    """Its servers start and stop with it."""
    state = settings.state_directory
    state.mkdir(mode=0o711, parents=True, exist_ok=True)  # Servers with a uid of their own pass through it.

    def build(engine: Engine, calls: Calls) -> Parts:
        source = Directory(settings.source_directory, state / "manifests", calls.changed)
        runtime = make_runtime(state / "runtime", on_exit=lambda key, _: calls.touched(key), on_recovery=calls.touched)
        servers = Servers(runtime, Backends(engine))
        return Parts(source, servers, _reconciler(settings, engine, source, runtime, servers), servers_end_with_us=True)

    return Operator(settings.catalog_url, build)


def _reconciler(
    settings: Settings, engine: Engine, source: Directory, runtime: Runtime, servers: Servers
) -> Reconciler:
    administrator, artifacts = Administrator(settings.provision_url), Directories()
    passwords = SecretFiles(settings.state_directory / "secrets")
    databases = Postgres(administrator, Templates(administrator, migrate), passwords)
    observer = Observer(servers, artifacts, frozenset({database_of(settings.catalog_url)}))
    parts = (_installation(settings), databases, artifacts, runtime, servers, observer, Catalog(engine))
    rotation = Rotation(databases, artifacts, runtime, Credentials(passwords))
    return Reconciler(source, *parts, Removal(source, *parts), Trust(0), rotation)


def _installation(settings: Settings) -> Machine:
    directory = settings.state_directory / "artifacts"
    directory.mkdir(mode=0o711, exist_ok=True)
    obstacle = own_uids_obstacle(directory)
    if obstacle:
        log.info("servers run under the operator's own uid", reason=obstacle)
    return Machine(directory, own_uids=obstacle is None)
