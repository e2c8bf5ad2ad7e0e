"""Log what the pages of MLflow's UI show, with the stock client, and print the ids as JSON. A program of its own."""

from __future__ import annotations

import json

import mlflow
from matplotlib.figure import Figure
from mlflow import MlflowClient
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression


def _log_for_each_viewer() -> None:
    """A page that draws itself, as plots do, and pictures."""
    mlflow.log_text("<body><script>document.body.textContent = 'drawn by a script'</script></body>", "page.html")
    mlflow.log_text("# A heading", "notes.md")
    figure = Figure()
    figure.subplots().plot([0, 1], [1, 0])
    for name in ("figure.pdf", "figure.png", "figure.svg"):
        mlflow.log_figure(figure, name)


def _train(strength: float) -> str:
    digits = load_digits()
    with mlflow.start_run() as run:
        mlflow.log_param("C", strength)
        for step in range(5):
            mlflow.log_metric("accuracy", 0.8 + step / 50, step=step)
        mlflow.log_text("a note on the digits", "notes.txt")
        _log_for_each_viewer()
        model = LogisticRegression(C=strength, max_iter=500).fit(digits.data[:300], digits.target[:300])
        mlflow.sklearn.log_model(model, name="model", registered_model_name="digits")
    return str(run.info.run_id)


@mlflow.trace
def predict(x: int) -> int:
    return x + 1


def main() -> None:
    experiment = mlflow.set_experiment("digits").experiment_id
    runs = [_train(strength) for strength in (0.1, 1.0)]
    MlflowClient().set_registered_model_alias("digits", "champion", "1")
    predict(1)
    mlflow.flush_trace_async_logging()
    [trace] = mlflow.search_traces(locations=[experiment], return_type="list")
    mlflow.genai.register_prompt(name="greet", template="Hello {{name}}")
    print(  # noqa: T201 - how a program answers
        json.dumps(
            {
                "experiment": experiment,
                "model": "digits",
                "prompt": "greet",
                "runs": runs,
                "trace": trace.info.trace_id,
            }
        )
    )


if __name__ == "__main__":
    main()
