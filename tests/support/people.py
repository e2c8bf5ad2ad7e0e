"""People at work while something is changed beneath them; what they were answered is counted."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.support.site import Caller, header_of

__all__ = ["ASKED_AGAIN", "SERVED", "people_at_work"]

SERVED = "200"
# 503 with Retry-After: the stock client asks again by itself, and nobody notices.
ASKED_AGAIN = "503, to be asked again"


@contextmanager
def people_at_work(callers: Sequence[Caller]) -> Iterator[Counter[str]]:
    """One for each caller, who reads, writes runs and stores artifacts, until the end of the block. How often they were
    SERVED or ASKED_AGAIN, and in words whatever else they got.
    """
    answers: Counter[str] = Counter()
    done = threading.Event()

    def work(caller: Caller) -> None:
        while not done.is_set():
            for method, path, body in _day():
                answers[_got(caller, method, path, body)] += 1

    people = [threading.Thread(target=work, args=(caller,)) for caller in callers]
    for person in people:
        person.start()
    try:
        yield answers
    finally:
        done.set()
        for person in people:
            person.join()


def _got(caller: Caller, method: str, path: str, body: bytes | None) -> str:
    try:
        answer = caller.ask(method, path, body, {"Content-Type": "application/json"})
    except OSError as error:
        return f"{method} {path}: {error!r}"
    if answer.status == 503 and header_of(answer, "Retry-After"):
        return ASKED_AGAIN
    return SERVED if answer.status == 200 else f"{method} {path}: {answer.status} {answer.body[:200]!r}"


def _day() -> list[tuple[str, str, bytes | None]]:
    name = threading.get_ident()
    return [
        ("GET", "/api/2.0/mlflow/experiments/get?experiment_id=0", None),
        ("POST", "/api/2.0/mlflow/runs/create", json.dumps({"experiment_id": "0"}).encode()),
        ("PUT", f"/api/2.0/mlflow-artifacts/artifacts/0/load/{name}.bin", b"x" * 20_000),
        ("GET", f"/api/2.0/mlflow-artifacts/artifacts/0/load/{name}.bin", None),
    ]
