"""What we use of MLflow although it is private to it: a new version of MLflow that drops one of these fails here."""

from __future__ import annotations

import subprocess
import sys

from tenantry_backend.environment import BEFORE_IMPORT, for_server
from tenantry_backend.settings import ServerSettings

SETTINGS = ServerSettings.model_validate(
    {
        "database_url": "postgresql+psycopg://role:password@127.0.0.1/name",
        "artifact_directory": "/artifacts",
        "scratch_directory": "/scratch",
        "secret": "s",
        "grace": 1,
    }
)
# Not MLflow's: of the libraries, of the process, of everybody.
FOREIGN = {"DO_NOT_TRACK", "HOME", "JE_ARROW_MALLOC_CONF", "OPENBLAS_NUM_THREADS", "TMPDIR"}

# In a process of its own: importing MLflow changes the one that does, and warns.
KNOWN = """
import mlflow.server.constants as constants, mlflow.environment_variables as variables
names = {value for value in vars(constants).values() if isinstance(value, str)}
names |= {value.name for value in vars(variables).values() if isinstance(value, variables._EnvironmentVariable)}
print("\\n".join(names))
"""
FUNCTIONS = """
from mlflow.server import handlers
from mlflow.store.db import utils
handlers._get_tracking_store, handlers._get_model_registry_store
utils._get_latest_schema_revision, utils._is_empty_database, utils._initialize_tables
utils._upgrade_db, utils._get_schema_version
"""


def mlflow_says(script: str) -> list[str]:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script], check=True, capture_output=True, text=True)
    return done.stdout.split()


def test_each_variable_is_one_that_mlflow_reads() -> None:
    ours = {*BEFORE_IMPORT, *for_server(SETTINGS)} - FOREIGN
    assert ours - set(mlflow_says(KNOWN)) == set()


def test_each_private_function_is_there() -> None:
    assert mlflow_says(FUNCTIONS) == []
