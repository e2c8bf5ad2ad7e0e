"""`tenantry up` as its user meets it: started as a command, stopped by signals, its PostgreSQL taken away."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from pathlib import Path

import psutil
import pytest
import requests
from hack.demo.browser import Person

from tenantry_api.up.machine import Machine, Options
from tests.support.wait import until

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "hack" / "samples"
START = 120.0
API = "/w/vision/p/segmentation/api/2.0/mlflow/experiments/search?max_results=1"


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="tenantry-tests-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


class Up:
    """The command, and every process below it."""

    def __init__(self, folder: Path, port: int) -> None:
        self._out = folder / "up.out"
        command = [Path(sys.executable).with_name("tenantry"), "up", "--manifests", SAMPLES, "--port", str(port)]
        with self._out.open("wb") as out:
            self.process = subprocess.Popen(
                [*command, "--state", folder / "state"], stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )
        until(lambda: "Ctrl-C" in self.said or self.process.poll() is not None, deadline=START, what="the greeting")
        self.family = psutil.Process(self.process.pid).children(recursive=True)

    @property
    def said(self) -> str:
        return self._out.read_text()

    @property
    def url(self) -> str:
        return re.findall(r"^Tenantry: (\S+)$", self.said, re.MULTILINE)[0]

    def end(self, by: signal.Signals) -> int:
        self.process.send_signal(by)
        return self.process.wait(60)

    def survivors(self) -> list[psutil.Process]:
        return [it for it in self.family if it.is_running() and it.status() != psutil.STATUS_ZOMBIE]


@pytest.fixture(scope="module")
def port() -> int:
    """It and its neighbour are free now; the same for both runs, as a person's bookmarks are."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            with suppress(OSError, OverflowError):
                second.bind(("127.0.0.1", port + 1))
                return port


def test_stops_clean_dies_clean_and_finds_its_data_again(folder: Path, port: int) -> None:
    up = Up(folder, port)
    assert up.process.poll() is None, up.said
    for expected in (
        "vision/segmentation",
        "alice@example.org",
        "export MLFLOW_TRACKING_URI=",
        "MLFLOW_TRACKING_TOKEN",
    ):
        assert expected in up.said
    alice = Person(up.url, "alice")
    alice.sign_in()
    headers = {"Authorization": f"Bearer {alice.create_token('kept')}"}
    assert requests.get(up.url + API, headers=headers, timeout=60).ok
    up.family = psutil.Process(up.process.pid).children(recursive=True)

    assert up.process.poll() is None
    up.end(signal.SIGKILL)
    until(lambda: not up.survivors(), deadline=30, what="every process to follow")

    again = Up(folder, port)
    answer = requests.get(again.url + API, headers=headers, timeout=60)
    assert answer.ok, answer.text
    assert again.end(signal.SIGTERM) == 0
    assert again.survivors() == []
    assert not (folder / "state" / "postgres" / "data" / "postmaster.pid").exists()


@pytest.fixture(scope="module")
def machine(folder: Path) -> Iterator[Machine]:
    options = Options(state=folder / "other", manifests=SAMPLES, port=0)
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
    until(lambda: status("/readyz") == 503, what="the door to notice")
    assert status() in {200, 503}, "what is cached may be answered, everything else waits for PostgreSQL"

    def back() -> bool:
        machine.tend()
        return status("/readyz") == 200 and status() == 200

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
