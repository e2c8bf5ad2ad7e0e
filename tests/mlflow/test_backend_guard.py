"""A real server, asked by somebody who does not have its secret."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.support.backend import SECRET_HEADER, Lab, ask

_UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
_WRONG = {SECRET_HEADER: "wrong"}


def test_nothing_is_answered_without_the_secret(new_server: Callable[[], Lab]) -> None:
    lab = new_server()
    attempts = [
        ("/health", None, {}),
        ("/health", None, _WRONG),
        ("/health", None, {SECRET_HEADER: lab.secret[:-1]}),
        ("/version", None, {}),
        ("/", None, {}),
        ("/static-files/index.html", None, {}),
        ("/api/2.0/mlflow/experiments/search", {"max_results": 1}, {}),
        ("/api/2.0/mlflow-artifacts/artifacts?path=", None, {}),
        ("/graphql", {"query": "{ __typename }"}, _WRONG),
        ("/nowhere", None, {}),
        ("/", None, _UPGRADE),
        ("/", None, _UPGRADE | _WRONG),
    ]
    for path, body, headers in attempts:
        status, content = ask(lab.running.address, path, body, headers)
        assert (status, json.loads(content)["error_code"]) == (403, "PERMISSION_DENIED"), (path, headers)


def test_with_the_secret_it_is_mlflow(new_server: Callable[[], Lab]) -> None:
    lab = new_server()
    assert lab.ask("/health") == (200, b"OK")
    status, content = lab.ask("/api/2.0/mlflow/experiments/search", {"max_results": 5})
    assert status == 200
    assert [found["name"] for found in json.loads(content)["experiments"]] == ["Default"]


def test_mlflow_has_no_opinion_of_its_own_about_the_host(new_server: Callable[[], Lab]) -> None:
    lab = new_server()
    headers = {SECRET_HEADER: lab.secret, "Host": "tracking.example.org"}
    assert ask(lab.running.address, "/api/2.0/mlflow/experiments/get?experiment_id=0", None, headers)[0] == 200


def test_what_mlflow_grants_its_own_machine_is_closed(new_server: Callable[[], Lab]) -> None:
    """The gateway calls from there, on behalf of people who are not."""
    status, content = new_server().ask("/ajax-api/3.0/mlflow/assistant/message", {"message": "hello", "context": {}})
    assert status == 403
    assert b"same host" in content
