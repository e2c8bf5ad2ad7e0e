"""The backend's image has not all that MLflow asks for: what it leaves out, MLflow's server does not need."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from pathlib import Path

from tests.architecture.test_image_locks import unused
from tests.support.mlflow import need_mlflow

TABLE = Path(__file__).parents[2] / "tenant_api" / "tenantry_api" / "classify" / "mlflow_3_17_2.json"

# In a process of its own, where these are as good as not installed: the spawner's rehearsal, then all routes.
WITHOUT = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in absent:
            raise ModuleNotFoundError(name)
absent = set(sys.argv[1:])
sys.meta_path.insert(0, Absent())
import os
from tenantry_backend.environment import BEFORE_IMPORT
os.environ.update(BEFORE_IMPORT)
from tenantry_backend.warm import warm
warm()
from tenantry_backend.routes import main
main()
"""


def test_the_routes_are_the_same_without_it() -> None:
    need_mlflow()
    modules = [module for module, of in importlib.metadata.packages_distributions().items() if unused() & set(of)]
    assert {"sklearn", "scipy", "matplotlib", "PIL"} <= set(modules)
    command = [sys.executable, "-W", "ignore", "-c", WITHOUT, *modules]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout == TABLE.read_text()
