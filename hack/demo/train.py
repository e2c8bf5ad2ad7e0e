"""Alice trains a model: 17 steps with the stock MLflow client, which knows an address and a token and no more.

    MLFLOW_TRACKING_URI=... MLFLOW_TRACKING_TOKEN=... python train.py LEDGER RESULT

RESULT gets what somebody else would need to ask for the same things: names and ids as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import ledger
import mlflow
import numpy as np
from mlflow.entities import Metric, RunStatus
from mlflow.models import infer_signature
from mlflow.tracking import MlflowClient
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split

MODEL, ALIAS, PROMPT = "digits", "champion", "describe-digit"
POINTS, BATCH = 1000, 250
NOTE = "Digits of scikit-learn, logistic regression.\n"
WEIGHTS = np.random.default_rng(7).bytes(6 * 2**20)


class Training:
    """The steps in order; each leaves on `self` what later ones need, and checks what it got back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.client = MlflowClient()
        features, labels = load_digits(return_X_y=True)
        split = train_test_split(features / 16.0, labels, random_state=7)
        self.train_x, self.test_x, self.train_y, self.test_y = split
        self.model = LogisticRegression(max_iter=300)

    def create_experiment(self) -> None:
        self.experiment = mlflow.set_experiment("digits").experiment_id

    def start_run(self) -> None:
        self.run = mlflow.start_run(run_name="logistic").info.run_id

    def log_params(self) -> None:
        mlflow.log_params({"solver": "lbfgs", "max_iter": 300, "features": self.train_x.shape[1]})

    def train_and_log_metrics(self) -> None:
        """A thousand points in batches: the loss as gradient descent would see it, then the accuracy."""
        self.model.fit(self.train_x, self.train_y)
        now = int(time.time() * 1000)
        points = [Metric("loss", float(2.3 * np.exp(-step / 200)), now + step, step) for step in range(POINTS)]
        for start in range(0, POINTS, BATCH):
            self.client.log_batch(self.run, metrics=points[start : start + BATCH])
        self.accuracy = accuracy_score(self.test_y, self.model.predict(self.test_x))
        mlflow.log_metric("accuracy", self.accuracy)
        assert len(self.client.get_metric_history(self.run, "loss")) == POINTS

    def log_text(self) -> None:
        mlflow.log_text(NOTE, "notes/readme.txt")

    def log_artifact(self) -> None:
        file = self.folder / "weights.bin"
        file.write_bytes(WEIGHTS)
        mlflow.log_artifact(str(file), "weights")

    def list_artifacts(self) -> None:
        assert [item.path for item in self.client.list_artifacts(self.run)] == ["notes", "weights"]
        assert self.client.list_artifacts(self.run, "weights")[0].file_size == len(WEIGHTS)

    def download_artifacts(self) -> None:
        fetch = mlflow.artifacts.download_artifacts
        assert Path(fetch(run_id=self.run, artifact_path="notes/readme.txt")).read_text() == NOTE
        assert Path(fetch(run_id=self.run, artifact_path="weights/weights.bin")).read_bytes() == WEIGHTS

    def search_runs(self) -> None:
        found = self.client.search_runs([self.experiment], "params.solver = 'lbfgs' and metrics.accuracy > 0.9")
        assert [run.info.run_id for run in found] == [self.run]

    def log_model(self) -> None:
        signature = infer_signature(self.train_x, self.model.predict(self.train_x))
        logged = mlflow.sklearn.log_model(
            self.model, name="model", signature=signature, pip_requirements=["scikit-learn"]
        )
        self.model_uri = logged.model_uri

    def register_model(self) -> None:
        self.version = mlflow.register_model(self.model_uri, MODEL).version

    def set_alias(self) -> None:
        self.client.set_registered_model_alias(MODEL, ALIAS, self.version)
        assert self.client.get_model_version_by_alias(MODEL, ALIAS).version == self.version

    def load_by_alias(self) -> None:
        self.loaded = mlflow.pyfunc.load_model(f"models:/{MODEL}@{ALIAS}")

    def predict(self) -> None:
        assert accuracy_score(self.test_y, self.loaded.predict(self.test_x)) == self.accuracy

    def trace(self) -> None:
        """Spans leave by OTLP; the trace is there when it can be read back."""
        with mlflow.start_span("predict-one") as span:
            span.set_inputs({"pixels": self.test_x[0].tolist()})
            span.set_outputs({"digit": int(self.loaded.predict(self.test_x[:1])[0])})
        mlflow.flush_trace_async_logging()
        trace = self.client.get_trace(span.trace_id)
        assert [item.name for item in trace.data.spans] == ["predict-one"]
        self.trace_id = span.trace_id

    def register_prompt(self) -> None:
        mlflow.genai.register_prompt(PROMPT, "Describe the digit {{digit}} in a sentence.")
        prompt = mlflow.genai.load_prompt(f"prompts:/{PROMPT}/1")
        assert prompt.format(digit=7) == "Describe the digit 7 in a sentence."

    def end_run(self) -> None:
        mlflow.end_run()
        assert self.client.get_run(self.run).info.status == RunStatus.to_string(RunStatus.FINISHED)

    def result(self) -> dict[str, object]:
        return {
            "experiment": self.experiment,
            "run": self.run,
            "model": MODEL,
            "alias": ALIAS,
            "version": self.version,
            "trace": self.trace_id,
            "accuracy": self.accuracy,
        }


def steps(training: Training) -> list[Callable[[], None]]:
    return [
        training.create_experiment,
        training.start_run,
        training.log_params,
        training.train_and_log_metrics,
        training.log_text,
        training.log_artifact,
        training.list_artifacts,
        training.download_artifacts,
        training.search_runs,
        training.log_model,
        training.register_model,
        training.set_alias,
        training.load_by_alias,
        training.predict,
        training.trace,
        training.register_prompt,
        training.end_run,
    ]


def main() -> None:
    ledger.keep(Path(sys.argv[1]))
    with tempfile.TemporaryDirectory() as folder:
        training = Training(Path(folder))
        for number, step in enumerate(steps(training), 1):
            begun = time.monotonic()
            step()
            name = step.__name__.replace("_", " ")
            print(f"    {number:2} {name:26} {1000 * (time.monotonic() - begun):7.0f} ms", flush=True)
        Path(sys.argv[2]).write_text(json.dumps(training.result()))


if __name__ == "__main__":
    assert "MLFLOW_TRACKING_TOKEN" in os.environ
    main()
