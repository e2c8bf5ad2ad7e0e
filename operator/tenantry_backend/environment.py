"""The environment that MLflow is configured with.

Some names are private to MLflow (`_MLFLOW_SERVER_…`): the version is pinned, and a test fails when one of them is gone.
What MLflow's own `mlflow server` command would set is in `mlflow.server._run_server`.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from sqlalchemy.engine import make_url

from tenantry_backend.settings import S3Settings, ServerSettings

__all__ = ["BEFORE_IMPORT", "THREADS", "for_server", "with_driver"]

# Read while MLflow and its libraries are imported, so the spawner sets it once for all servers.
BEFORE_IMPORT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "DO_NOT_TRACK": "true",
        # pyarrow's allocator would start a thread, and a process with threads must not fork.
        "JE_ARROW_MALLOC_CONF": "background_thread:false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_LOGGING_LEVEL": "WARNING",
        # The guard decides who may call. MLflow's check of the Host header would add a second opinion.
        "MLFLOW_SERVER_ALLOWED_HOSTS": "*",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "OPENBLAS_NUM_THREADS": "1",
        "_MLFLOW_SGI_NAME": "uvicorn",
    }
)

# Requests that are worked on at a time. Each may hold one connection of a store and wait for a second one, so the pool
# has to have one more than there are threads: with less, a crowd of writers waits for itself until MLflow's time-out.
THREADS: Final = 16
_POOL_SIZE: Final = 5
_POOL_OVERFLOW: Final = THREADS + 1 - _POOL_SIZE


def for_server(settings: ServerSettings) -> dict[str, str]:
    """The variables of one server, to be set in its own process before it opens its stores."""
    scratch = str(settings.scratch_directory)
    return {
        **_for_storage(settings.s3),
        "HOME": scratch,
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_urlsafe(32),
        "MLFLOW_SQLALCHEMYSTORE_MAX_OVERFLOW": str(_POOL_OVERFLOW),
        "MLFLOW_SQLALCHEMYSTORE_POOL_SIZE": str(_POOL_SIZE),
        "TMPDIR": scratch,
        "_MLFLOW_IN_JOB_EXECUTOR": "false",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": settings.artifact_destination,
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
        "_MLFLOW_SERVER_BOOT_ID": secrets.token_hex(16),
        "_MLFLOW_SERVER_FILE_STORE": with_driver(settings.database_url.get_secret_value()),
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
    }


def _for_storage(s3: S3Settings) -> dict[str, str]:
    """What MLflow and boto3 read. Without a key, boto3 looks for the identity of the process itself."""
    variables = {"MLFLOW_S3_ENDPOINT_URL": s3.endpoint, "AWS_DEFAULT_REGION": s3.region}
    if s3.ca_file is not None:
        variables["AWS_CA_BUNDLE"] = str(s3.ca_file)
    if s3.access_key is not None and s3.secret_key is not None:
        variables["AWS_ACCESS_KEY_ID"] = s3.access_key.get_secret_value()
        variables["AWS_SECRET_ACCESS_KEY"] = s3.secret_key.get_secret_value()
    return {name: value for name, value in variables.items() if value is not None}


def with_driver(url: str) -> str:
    """The address for MLflow, whose statements rely on psycopg2: psycopg 3 sends a version number as text, and
    PostgreSQL refuses to compare it with a column of integers (a stage transition that archives the holder).
    """
    address = make_url(url)
    if address.get_backend_name() != "postgresql":
        return url
    return address.set(drivername="postgresql+psycopg2").render_as_string(hide_password=False)
