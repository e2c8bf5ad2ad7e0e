"""The stock MLflow client in a process of its own, talking to a guarded server: `python -m … ADDRESS SECRET NAME`.

It logs one run with one artifact, reads everything back, and prints what it can see as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

__all__ = ["log_a_run"]


def log_a_run(address: str, secret: str, name: str) -> Any:
    """Run the client: `{"run": id, "runs": [ids], "artifact": text}`."""
    done = subprocess.run(
        # -P: else `mlflow` would be the module of that name beside this one.
        [sys.executable, "-P", "-W", "ignore", str(Path(__file__)), address, secret, name],
        check=True,
        capture_output=True,
        timeout=120,
    )
    return json.loads(done.stdout.splitlines()[-1])


def _main(address: str, secret: str, name: str) -> None:
    import mlflow  # noqa: PLC0415  in this process only: importing it changes the one that does
    from mlflow.tracking.request_header import registry  # noqa: PLC0415
    from mlflow.tracking.request_header.abstract_request_header_provider import RequestHeaderProvider  # noqa: PLC0415

    class Secret(RequestHeaderProvider):
        def in_context(self) -> bool:
            return True

        def request_headers(self) -> dict[str, str]:
            return {"X-Tenantry-Backend-Secret": secret}

    registry._request_header_provider_registry.register(Secret)
    mlflow.set_tracking_uri(address)
    with mlflow.start_run(run_name=name) as run:
        mlflow.log_param("name", name)
        mlflow.log_metric("loss", 0.5)
        mlflow.log_text(f"written by {name}", "note.txt")
    client = mlflow.MlflowClient()
    runs = client.search_runs([experiment.experiment_id for experiment in client.search_experiments()])
    text = mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/note.txt")
    seen = {"run": run.info.run_id, "runs": [found.info.run_id for found in runs], "artifact": text}
    sys.stdout.write(json.dumps(seen))


if __name__ == "__main__":
    _main(*sys.argv[1:])
