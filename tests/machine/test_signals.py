"""However `tenantry up` ends, nothing of it stays but its data, which the next start finds."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.mlflow import need_mlflow
from tests.support.site import Caller, person_at
from tests.support.up import Up, free_pair, state_folder
from tests.support.wait import until

GREETING = (
    "vision/segmentation",
    "alice@example.org",
    "export MLFLOW_TRACKING_URI=",
    "MLFLOW_TRACKING_TOKEN",
    "Ctrl-C",
)


@pytest.fixture
def folder() -> Iterator[Path]:
    need_mlflow()
    with state_folder() as folder:
        yield folder


def test_whatever_ends_it_the_next_start_finds_all_data(folder: Path) -> None:
    port = free_pair()
    token, runs = "", dict[str, float]()
    for number, (by, code) in enumerate([(signal.SIGKILL, -9), (signal.SIGINT, 0), (signal.SIGTERM, 0)]):
        up = Up(folder, port)  # At once, also after SIGKILL: it waits for what is still ending.
        assert [word for word in GREETING if word not in up.said] == []
        token = token or person_at(up.url, "alice").create_token("kept")
        alice = Caller(up.url, token)
        assert {run: alice.loss_of(run) for run in runs} == runs, by
        runs[alice.log_run(number)] = number
        up.look()
        assert _programs(up) == {"postgres", "operator", "spawner", "server", "door", "provider"}
        assert up.end(by) == code, up.said
        if code == 0:
            assert up.survivors() == [], by
    until(lambda: not up.survivors(), deadline=30, what="every process to follow")
    left = [path for path in (folder / "state").rglob("*") if path.is_socket() or path.name == "postmaster.pid"]
    assert left == []


def _programs(up: Up) -> set[str]:
    """The program of each process, by what started it."""
    names = {"tenantry_operator": "operator", "tenantry_backend.spawner": "spawner", "tenantry_api": "door"}
    names |= {"tenantry_api.up.provider": "provider"}
    spawners = {it.pid for it in up.family if "tenantry_backend.spawner" in it.cmdline()}
    found = set()
    for it in up.family:
        argv = it.cmdline()
        if it.ppid() in spawners:
            found.add("server")
        elif it.name().startswith("postgres"):
            found.add("postgres")
        else:
            found.update(name for module, name in names.items() if module in argv)
    return found
