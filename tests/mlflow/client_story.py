"""What a data scientist does in a day with the stock MLflow client; run as a process of its own, with no tests around.

python client_story.py URL DIRECTORY
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from pathlib import Path

import mlflow
import numpy as np
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.entities.assessment import AssessmentSource
from mlflow.exceptions import MlflowException
from sklearn.linear_model import LogisticRegression


def main(url: str, scratch: Path) -> None:
    mlflow.set_tracking_uri(url)
    client = MlflowClient()
    data = np.random.default_rng(0).normal(size=(60, 4))
    labels = (data[:, 0] > 0).astype(int)
    experiment = mlflow.set_experiment("digits / naïve: 100%")
    experiments(client)
    runs(client, experiment.experiment_id)
    artifacts(client, scratch)
    models(client, data, labels)
    traces(client, experiment.experiment_id)
    prompts(client)
    evaluation(experiment.experiment_id)
    removals(client, experiment.experiment_id)


def experiments(client: MlflowClient) -> None:
    made = client.create_experiment("second", tags={"team": "vision"})
    client.set_experiment_tag(made, "note", "a, b & c")
    client.delete_experiment_tag(made, "note")
    client.rename_experiment(made, "second, renamed")
    client.delete_experiment(made)
    client.restore_experiment(made)
    assert client.get_experiment(made).name == "second, renamed"
    assert client.get_experiment_by_name("no such") is None
    assert len(client.search_experiments(order_by=["name ASC"], filter_string="name LIKE 'second%'")) == 1


def runs(client: MlflowClient, experiment: str) -> None:
    with mlflow.start_run(run_name="first", tags={"kind": "test"}, description="a run") as run:
        mlflow.log_param("lr", 0.1)
        mlflow.log_params({"depth": 3, "ünïcode": "ß" * 10})
        mlflow.log_metric("loss", 0.5, step=1)
        mlflow.log_metric("loss", math.nan, step=2)
        mlflow.log_metrics({"inf": math.inf, "minus": -math.inf, "whole": 3}, step=3)
        now = int(time.time() * 1000)
        points = [Metric("curve", 1 / (i + 1), now + i, i) for i in range(1000)]
        client.log_batch(run.info.run_id, metrics=points[:700])
        client.log_batch(run.info.run_id, metrics=points[700:], params=[Param("p", "v")], tags=[RunTag("t", "x")])
        mlflow.set_tag("stage", "début")
        mlflow.set_tags({"a": 1, "b": "two\nlines"})
        mlflow.delete_tag("stage")
        mlflow.log_input(mlflow.data.from_numpy(np.arange(6).reshape(3, 2), name="tiny"), context="train")
        mlflow.log_metric("asynchronous", 1.0, synchronous=False)
        mlflow.flush_async_logging()
    assert len(client.get_metric_history(run.info.run_id, "curve")) == 1000
    client.update_run(run.info.run_id, name="renamed")
    client.set_terminated(run.info.run_id, "KILLED")
    child = client.create_run(experiment, tags={"mlflow.parentRunId": run.info.run_id})
    client.delete_run(child.info.run_id)
    client.restore_run(child.info.run_id)
    assert mlflow.search_runs([experiment], "params.lr = '0.1' and tags.a = '1'", output_format="list")
    found = client.search_runs([experiment], order_by=["metrics.curve DESC", "attributes.start_time"], max_results=1)
    assert found.token
    client.search_runs([experiment], page_token=found.token, max_results=1)
    assert client.get_parent_run(child.info.run_id).info.run_id == run.info.run_id


def artifacts(client: MlflowClient, scratch: Path) -> None:
    with mlflow.start_run() as run:
        mlflow.log_text("hello", "notes/a b+c ü.txt")
        mlflow.log_dict({"a": 1}, "conf.json")
        big = scratch / "big.bin"
        big.write_bytes(bytes(range(256)) * 24_576)
        mlflow.log_artifact(str(big), "weights")
        (scratch / "package").mkdir()
        (scratch / "package" / "__init__.py").write_text("")
        (scratch / "package" / "code.py").write_text("x = 1\n")
        mlflow.log_artifacts(str(scratch / "package"), "package")
        mlflow.log_table({"q": ["a", "b"], "a": ["c", "d"]}, "table.json")
        mlflow.log_image(np.zeros((4, 4, 3), dtype=np.uint8), key="picture", step=1)
    run_id = run.info.run_id
    assert {item.path for item in client.list_artifacts(run_id)} >= {"notes", "weights", "conf.json"}
    assert client.list_artifacts(run_id, "notes")[0].path == "notes/a b+c ü.txt"
    assert Path(client.download_artifacts(run_id, "weights/big.bin", str(scratch))).stat().st_size == 6_291_456
    assert mlflow.artifacts.load_text(f"runs:/{run_id}/notes/a b+c ü.txt") == "hello"
    assert (Path(mlflow.artifacts.download_artifacts(f"runs:/{run_id}/package")) / "__init__.py").stat().st_size == 0
    assert len(mlflow.load_table("table.json", run_ids=[run_id])) == 2
    client.delete_run(run_id)


def models(client: MlflowClient, data: np.ndarray, labels: np.ndarray) -> None:
    name = "digits.classifier-1"
    with mlflow.start_run():
        classifier = LogisticRegression().fit(data, labels)
        signature = mlflow.models.infer_signature(data, labels)
        logged = mlflow.sklearn.log_model(
            classifier,
            name="model",
            signature=signature,
            input_example=data[:2],
            registered_model_name=name,
            params={"C": "1.0"},
        )
        mlflow.log_metric("accuracy", 0.9, model_id=logged.model_id)
        second = mlflow.sklearn.log_model(classifier, name="model", signature=signature)
    mlflow.register_model(second.model_uri, name, tags={"reviewed": "no"})
    client.set_registered_model_alias(name, "champion", "1")
    assert client.get_model_version_by_alias(name, "champion").version == "1"
    assert mlflow.pyfunc.load_model(f"models:/{name}@champion").predict(data[:3]).shape == (3,)
    assert mlflow.sklearn.load_model(f"models:/{name}/2").coef_.shape == (1, 4)
    mlflow.pyfunc.load_model(second.model_uri)
    client.set_model_version_tag(name, "2", "reviewed", "yes")
    client.delete_model_version_tag(name, "2", "reviewed")
    client.set_registered_model_tag(name, "owner", "vision")
    client.delete_registered_model_tag(name, "owner")
    client.update_registered_model(name, "what it is for")
    client.update_model_version(name, "2", "better")
    client.transition_model_version_stage(name, "2", "Production")
    client.get_latest_versions(name, stages=["Production"])
    mlflow.pyfunc.load_model(f"models:/{name}/Production")
    client.get_model_version_download_uri(name, "2")
    client.search_model_versions(f"name='{name}'", order_by=["version_number DESC"])
    client.search_registered_models("name LIKE 'digits%'")
    client.delete_registered_model_alias(name, "champion")
    client.set_logged_model_tags(logged.model_id, {"good": "yes"})
    client.delete_logged_model_tag(logged.model_id, "good")
    mlflow.search_logged_models(filter_string="metrics.accuracy > 0.1", order_by=[{"field_name": "metrics.accuracy"}])
    mlflow.get_logged_model(logged.model_id)
    client.copy_model_version(f"models:/{name}/1", "copied")
    client.rename_registered_model("copied", "copied again")
    client.delete_model_version("copied again", "1")
    client.delete_registered_model("copied again")
    external = mlflow.create_external_model(name="external")
    mlflow.finalize_logged_model(external.model_id, "READY")
    client.delete_logged_model(external.model_id)


def traces(client: MlflowClient, experiment: str) -> None:
    @mlflow.trace(attributes={"k": "v"})
    def ask(question: str) -> str:
        mlflow.update_current_trace(tags={"user": "alice"}, metadata={"m": "1"})
        return f"{question}!"

    ask("why")
    mlflow.flush_trace_async_logging()
    identifier = mlflow.get_last_active_trace_id()
    assert client.get_trace(identifier).info.trace_id == identifier
    assert len(mlflow.search_traces(locations=[experiment], return_type="list")) == 1
    mlflow.search_traces(locations=[experiment], filter_string="tag.user = 'alice'", order_by=["timestamp_ms DESC"])
    client.set_trace_tag(identifier, "seen", "yes")
    client.delete_trace_tag(identifier, "seen")
    source = AssessmentSource(source_type="HUMAN", source_id="alice@example.org")
    feedback = mlflow.log_feedback(trace_id=identifier, name="good", value=True, source=source, rationale="it is")
    mlflow.update_assessment(identifier, feedback.assessment_id, mlflow.entities.Feedback(name="good", value=False))
    mlflow.get_assessment(identifier, feedback.assessment_id)
    mlflow.log_expectation(trace_id=identifier, name="answer", value={"text": "because"}, source=source)
    mlflow.delete_assessment(identifier, feedback.assessment_id)
    mlflow.get_trace(identifier)
    with mlflow.start_run():
        ask("in a run")
    mlflow.flush_trace_async_logging()
    client.link_traces_to_run([identifier], mlflow.last_active_run().info.run_id)


def prompts(client: MlflowClient) -> None:
    made = mlflow.genai.register_prompt("greeting", "Hello {{name}}", commit_message="first", tags={"lang": "en"})
    mlflow.genai.register_prompt("greeting", [{"role": "user", "content": "Hi {{name}}"}])
    mlflow.genai.set_prompt_alias("greeting", "live", made.version)
    assert mlflow.genai.load_prompt("prompts:/greeting@live").format(name="Bob") == "Hello Bob"
    mlflow.genai.load_prompt("greeting", version=2)
    mlflow.genai.search_prompts()
    mlflow.genai.set_prompt_tag("greeting", "k", "v")
    mlflow.genai.delete_prompt_alias("greeting", "live")
    client.delete_prompt_version("greeting", "2")


def evaluation(experiment: str) -> None:
    dataset = mlflow.genai.datasets.create_dataset(name="questions", experiment_id=[experiment], tags={"v": "1"})
    dataset.merge_records([{"inputs": {"q": "1+1"}, "expectations": {"a": "2"}}])
    mlflow.genai.datasets.get_dataset(dataset_id=dataset.dataset_id).to_df()
    mlflow.genai.datasets.search_datasets(experiment_ids=[experiment])
    mlflow.genai.datasets.set_dataset_tags(dataset_id=dataset.dataset_id, tags={"a": "b"})
    mlflow.genai.datasets.delete_dataset_tag(dataset_id=dataset.dataset_id, key="a")

    @mlflow.genai.scorer
    def short(outputs: str) -> bool:
        return len(outputs) < 10

    mlflow.genai.evaluate(data=[{"inputs": {"q": "1+1"}, "outputs": "2", "expectations": {"a": "2"}}], scorers=[short])
    mlflow.genai.datasets.delete_dataset(dataset_id=dataset.dataset_id)


def removals(client: MlflowClient, experiment: str) -> None:
    client.delete_traces(experiment, trace_ids=[mlflow.get_last_active_trace_id()])
    client.delete_traces(experiment, max_timestamp_millis=int(time.time() * 1000), max_traces=10)
    for run in client.search_runs([experiment]):
        client.delete_run(run.info.run_id)
    for version in client.search_model_versions("name='digits.classifier-1'"):
        client.delete_model_version(version.name, version.version)
    client.delete_registered_model("digits.classifier-1")
    client.delete_experiment(experiment)
    assert _error_code(lambda: client.get_run("0" * 32)) == "RESOURCE_DOES_NOT_EXIST"


def _error_code(call: Callable[[], object]) -> str:
    try:
        call()
    except MlflowException as error:
        return str(error.error_code)
    return "none"


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
