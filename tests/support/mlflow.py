"""A real MLflow server without anything of ours around it: what the door and the backend are compared with."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from tests.support.requirement import missing
from tests.support.wait import until

__all__ = ["answers", "bare_mlflow", "need_mlflow"]

_BOUND = re.compile(r"Uvicorn running on (http://127\.0\.0\.1:\d+)")


@contextmanager
def bare_mlflow(database_url: str, artifacts: Path, *, log: Path | None = None) -> Iterator[str]:
    """Run one MLflow on a free port of loopback and yield its URL once `/health` answers; 1.7 s.

    `database_url` is SQLAlchemy's (`postgresql+psycopg://…` or `sqlite:///…`). An empty database gets its tables with
    the first request, which takes seconds: clone a migrated one where time counts. Its log is beside the artifacts.
    """
    need_mlflow()
    artifacts.mkdir(parents=True, exist_ok=True)
    log = log or artifacts.parent / f"{artifacts.name}.mlflow.log"
    with log.open("wb") as output:
        server = subprocess.Popen(_command(), env=_environment(database_url, artifacts), stdout=output, stderr=output)
    try:
        yield _address(server, log)
    finally:
        _stop(server)


def need_mlflow() -> None:
    """Skip the test, or fail it where MLflow is required, when MLflow is not installed."""
    if find_spec("mlflow") is None:
        missing("mlflow", "install the extra `backend`")


def answers(url: str) -> bool:
    """Whether a GET of `url` is answered with success within a second."""
    try:
        with urllib.request.urlopen(url, timeout=1):
            return True
    except (urllib.error.URLError, OSError):
        return False


def _command() -> list[str]:
    # Port 0 and the log tell a free port without a race: nobody else can take it in between.
    return [sys.executable, "-m", "uvicorn", "--host=127.0.0.1", "--port=0", "mlflow.server.fastapi_app:app"]


def _environment(database_url: str, artifacts: Path) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "_MLFLOW_"))},
        "DO_NOT_TRACK": "true",
        "JE_ARROW_MALLOC_CONF": "background_thread:false",
        "MALLOC_ARENA_MAX": "2",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "a bare server for tests",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "OPENBLAS_NUM_THREADS": "1",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": artifacts.as_uri(),
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
        "_MLFLOW_SERVER_FILE_STORE": database_url,
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
    }


def _address(server: subprocess.Popen[bytes], log: Path) -> str:
    def bound() -> re.Match[str] | None:
        if server.poll() is not None:
            raise AssertionError(f"MLflow ended with {server.returncode}:\n{log.read_text()[-2000:]}")
        return _BOUND.search(log.read_text())

    url = str(until(bound, deadline=60, what="MLflow's port")[1])
    until(lambda: answers(f"{url}/health"), deadline=30, what=f"{url}/health")
    return url


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(timeout=10)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
