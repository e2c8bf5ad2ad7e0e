"""Bob has no grant in Alice's project. He knows her ids, and asks for her things with the stock client: each refused.

MLFLOW_TRACKING_URI=... MLFLOW_TRACKING_TOKEN=... python intruder.py LEDGER RESULT_OF_TRAINING
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ledger
import mlflow
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient


def attempts(hers: dict[str, Any]) -> dict[str, Callable[[], object]]:
    client = MlflowClient()
    name, alias = hers["model"], hers["alias"]
    return {
        "the run by id": lambda: client.get_run(hers["run"]),
        "the run by search": lambda: client.search_runs([hers["experiment"]], "metrics.accuracy > 0.9"),
        "all experiments by search": client.search_experiments,
        "an artifact by id": lambda: client.download_artifacts(hers["run"], "weights/weights.bin"),
        "the artifacts' list": lambda: client.list_artifacts(hers["run"]),
        "the alias by name": lambda: client.get_model_version_by_alias(name, alias),
        "the models by search": lambda: client.search_model_versions(f"name = '{name}'"),
        "the model by alias": lambda: mlflow.pyfunc.load_model(f"models:/{name}@{alias}"),
        "the trace by id": lambda: client.get_trace(hers["trace"]),
        "to move the alias": lambda: client.set_registered_model_alias(name, alias, hers["version"]),
    }


def main() -> int:
    ledger.keep(Path(sys.argv[1]))
    failed = 0
    for what, attempt in attempts(json.loads(Path(sys.argv[2]).read_text())).items():
        try:
            attempt()
        except MlflowException as error:
            # MLflow's own shape: the client has read the code out of the answer's JSON.
            refused = error.error_code == "PERMISSION_DENIED"
            said = error.error_code
        else:
            refused, said = False, "it was given"
        failed += not refused
        print(f"    {'refused' if refused else 'NOT REFUSED'}: {what} ({said})", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
