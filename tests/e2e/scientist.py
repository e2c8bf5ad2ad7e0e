"""Somebody who works with the stock MLflow client, whatever is changed beneath; run as a process of its own, with no
tests around.

python scientist.py URL

Makes a run with an artifact and a registered model, then logs one value after the other. For each line on its input it
looks whether all of that is still there, and says how many values that are.
"""

from __future__ import annotations

import itertools
import select
import sys
from dataclasses import dataclass

import mlflow
import numpy as np
from mlflow import MlflowClient
from sklearn.linear_model import LogisticRegression

NOTE = "found again"


@dataclass(frozen=True)
class Kept:
    run: str
    model: str
    coefficients: np.ndarray


def main(url: str) -> None:
    mlflow.set_tracking_uri(url)
    client, kept = MlflowClient(), keep()
    say(0)
    for step in itertools.count():
        client.log_metric(kept.run, "value", step, step=step)
        if select.select([sys.stdin], [], [], 0.1)[0]:
            if not sys.stdin.readline():
                return
            look(client, kept, step + 1)
            say(step + 1)


def keep() -> Kept:
    with mlflow.start_run() as run:
        mlflow.log_text(NOTE, "note.txt")
        name, data = f"kept-{run.info.run_id}", np.random.default_rng(0).normal(size=(20, 2))
        model = LogisticRegression().fit(data, data[:, 0] > 0)
        mlflow.sklearn.log_model(model, name="model", registered_model_name=name, pip_requirements=["scikit-learn"])
    MlflowClient().set_registered_model_alias(name, "champion", "1")
    return Kept(run.info.run_id, name, model.coef_)


def look(client: MlflowClient, kept: Kept, values: int) -> None:
    assert mlflow.artifacts.load_text(f"runs:/{kept.run}/note.txt") == NOTE
    assert (mlflow.sklearn.load_model(f"models:/{kept.model}@champion").coef_ == kept.coefficients).all()
    assert sorted(it.step for it in client.get_metric_history(kept.run, "value")) == list(range(values))


def say(values: int) -> None:
    sys.stdout.write(f"{values}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
