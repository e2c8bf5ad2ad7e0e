"""Somebody at a running installation: what they ask goes out letter by letter, and its records are found again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import psutil
from bench.site import Site
from hack.demo.browser import Person

from tests.support.recording import Answer, send
from tests.support.wait import until

__all__ = ["Caller", "error_of", "header_of", "id_of", "on_record", "person_at", "server_of", "state_of"]


@dataclass(frozen=True)
class Caller:
    """A program with a token, or with none, at one project. Threads may share it."""

    url: str
    token: str = ""
    project: str = "/w/vision/p/segmentation"

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """`path` is below the project and is sent as it stands."""
        credential = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return send(self.url, method, self.project + path, {**credential, **(headers or {})}, body)

    def mlflow(self, method: str, call: str, **body: object) -> Answer:
        """One of MLflow's REST calls, with a JSON body where it takes one."""
        path = f"/api/2.0/mlflow/{call}"
        if method == "GET":
            return self.ask(method, path)
        return self.ask(method, path, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def log_run(self, metric: float) -> str:
        """Return the id of a run with one metric, `loss`, acknowledged both."""
        run = _read(self.mlflow("POST", "runs/create", experiment_id="0"))["run"]["info"]["run_id"]
        _read(self.mlflow("POST", "runs/log-metric", run_id=run, key="loss", value=metric, timestamp=1, step=0))
        return str(run)

    def loss_of(self, run: str) -> float:
        data = _read(self.mlflow("GET", f"runs/get?run_id={run}"))["run"]["data"]
        return float(data["metrics"][0]["value"])


def person_at(url: str, username: str) -> Person:
    person = Person(url, username)
    person.sign_in()
    return person


def error_of(answer: Answer) -> tuple[int, str]:
    """Status and code of an answer that has MLflow's shape for errors, and nothing else in it."""
    told = json.loads(answer.body)
    assert told.keys() == {"error_code", "message"}, answer
    assert told["message"], answer
    return answer.status, str(told["error_code"])


def header_of(answer: Answer, name: str) -> str | None:
    values = [value for key, value in answer.headers if key.lower() == name.lower()]
    assert len(values) <= 1, answer
    return values[0] if values else None


def id_of(answer: Answer) -> str:
    """The id that the door gave the request."""
    found = header_of(answer, "X-Tenantry-Request-Id")
    assert found is not None, answer
    return found


def on_record(site: Site, answers: Iterable[Answer]) -> dict[str, list[dict[str, Any]]]:
    """All records of each answer's id, once none can follow any more: a log is copied in its order."""
    own = {id_of(answer): [] for answer in answers} | {(last := id_of(Caller(site.machine.url).ask("GET", "/"))): []}
    copied = "SELECT 1 FROM audit.event WHERE event_id = %s"
    until(lambda: site.sql(copied, last), deadline=60, what="the last record to be copied")
    events = site.sql("SELECT event_id::text, leaf FROM audit.event WHERE event_id = ANY(%s::uuid[])", list(own))
    found: dict[str, list[dict[str, Any]]] = own
    for event, leaf in events:
        found[str(event)].append(json.loads(bytes(leaf)))  # type: ignore[call-overload]
    del found[last]
    return found


def state_of(site: Site, project: str, workspace: str = "vision") -> tuple[str, str]:
    """How the catalog has a backend: state and message."""
    row = "SELECT state, message FROM catalog.backend WHERE workspace = %s AND project = %s"
    ((state, message),) = site.sql(row, workspace, project)
    return str(state), str(message)


def server_of(site: Site, project: str, workspace: str = "vision") -> psutil.Process:
    """The process of a project that runs: the one that listens at the backend's address."""
    port = site.backend(project, workspace).port
    (found,) = (
        server
        for server in site.servers()
        if any(it.status == psutil.CONN_LISTEN and it.laddr.port == port for it in server.net_connections("tcp"))
    )
    return found


def _read(answer: Answer) -> Any:
    assert answer.status == 200, answer
    return json.loads(answer.body)
