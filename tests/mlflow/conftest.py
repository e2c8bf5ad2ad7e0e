"""A runtime for the session, and servers in databases of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tenantry_operator.runtime.process import Limits, ProcessRuntime
from tests.support.backend import Calls, Lab, mlflow_database, mlflow_template, new_lab
from tests.support.mlflow import need_mlflow
from tests.support.postgres import PostgresServer

# A machine that runs other tests beside may take long; nothing here waits for it to pass.
PATIENT = Limits(start=90, patience=90)


@pytest.fixture(scope="session")
def mlflow_server(postgres_server: PostgresServer) -> PostgresServer:
    """A PostgreSQL with a template of MLflow's schema."""
    need_mlflow()
    mlflow_template(postgres_server)
    return postgres_server


@pytest.fixture
def new_database(mlflow_server: PostgresServer) -> Iterator[Callable[[], str]]:
    """Makes a database with each call, and returns its URL."""
    with ExitStack() as databases:
        yield lambda: databases.enter_context(mlflow_database(mlflow_server))


@pytest.fixture(scope="session")
def calls() -> Calls:
    """What `runtime` has told its owner."""
    return Calls()


@pytest.fixture(scope="session")
def runtime(calls: Calls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessRuntime]:
    """One for all tests: its spawner takes seconds to warm up, and repairs itself when a test kills it."""
    state = tmp_path_factory.mktemp("runtime")
    with ProcessRuntime(state, on_exit=calls.on_exit, on_recovery=calls.on_recovery, limits=PATIENT) as runtime:
        yield runtime


@pytest.fixture
def new_server(runtime: ProcessRuntime, new_database: Callable[[], str], tmp_path: Path) -> Iterator[Callable[[], Lab]]:
    """Starts a server of a project of its own with each call; all are stopped in the end."""
    with ExitStack() as servers:
        yield lambda: servers.enter_context(new_lab(runtime, tmp_path, new_database()))
