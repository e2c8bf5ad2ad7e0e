"""A crowd at one server waits its turn.

A request may hold a connection and ask for a second one: with fewer connections than threads, all wait for each other.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.support.backend import Lab

API = "/api/2.0/mlflow"
WRITERS, BATCHES = 60, 2


def test_many_writers_are_all_answered(new_server: Callable[[], Lab]) -> None:
    lab = new_server()
    status, created = lab.ask(f"{API}/runs/create", {"experiment_id": "0", "start_time": 1})
    assert status == 200, created
    run = json.loads(created)["run"]["info"]["run_id"]

    def write(writer: int) -> list[int]:
        metrics = [{"key": f"m{writer}", "value": 1.0, "timestamp": step, "step": step} for step in range(10)]
        return [lab.ask(f"{API}/runs/log-batch", {"run_id": run, "metrics": metrics})[0] for _ in range(BATCHES)]

    with ThreadPoolExecutor(WRITERS) as crowd:
        answers = Counter(status for statuses in crowd.map(write, range(WRITERS)) for status in statuses)
    assert answers == {200: WRITERS * BATCHES}
