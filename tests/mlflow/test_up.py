"""One machine's programs that go away, looked after as `tenantry up` does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import psutil
import pytest
import requests
from hack.demo.browser import Person

from tenantry_api.up.machine import Machine, Options
from tests.support.up import SAMPLES, state_folder
from tests.support.wait import until

API = "/w/vision/p/segmentation/api/2.0/mlflow/experiments/search?max_results=1"


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with state_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def machine(folder: Path) -> Iterator[Machine]:
    options = Options(state=folder / "state", manifests=SAMPLES, port=0)
    machine = Machine(options, report=print, progress=lambda _what: nullcontext())
    machine.start()
    yield machine
    machine.stop()


def test_a_postgres_that_goes_away_costs_answers_and_nothing_else(machine: Machine) -> None:
    """The door says 503 while it is away; nothing has to be started again but PostgreSQL."""
    alice = Person(machine.url, "alice")
    alice.sign_in()
    headers = {"Authorization": f"Bearer {alice.create_token('away')}"}

    def status(path: str = API) -> int:
        return requests.get(machine.url + path, headers=headers, timeout=60).status_code

    assert status() == 200
    pids = machine.processes()
    machine.postgres.stop()
    until(lambda: status() == 503, what="the door to notice")
    assert status("/readyz") == 200, "the door is there, and says so itself"

    def back() -> bool:
        machine.tend()
        return status() == 200

    until(back, deadline=60, what="the door to recover")
    others = {name: pid for name, pid in machine.processes().items() if name != "PostgreSQL"}
    assert others == {name: pid for name, pid in pids.items() if name != "PostgreSQL"}
    assert machine.processes()["PostgreSQL"] != pids["PostgreSQL"]


def test_a_door_that_is_killed_is_started_again(machine: Machine) -> None:
    psutil.Process(machine.processes()["door"]).kill()

    def back() -> bool:
        machine.tend()
        try:
            return requests.get(machine.url + "/readyz", timeout=60).ok
        except requests.ConnectionError:
            return False

    until(lambda: not back(), what="the door to be gone")
    until(back, deadline=60, what="the door to be back")
