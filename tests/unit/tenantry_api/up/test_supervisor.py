from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from tenantry_api.up import supervisor as module
from tenantry_api.up.processes import Command, Process, ProcessFailed
from tenantry_api.up.supervisor import Supervisor
from tests.support.wait import until


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervisor(said: list[str]) -> Iterator[Supervisor]:
    supervisor = Supervisor(said.append, first_pause=0.01)
    yield supervisor
    supervisor.stop()


def _command(tmp_path: Path, name: str, program: str = "import signal; signal.pause()") -> Command:
    return Command(name, (sys.executable, "-c", program), {}, tmp_path / f"{name}.log")


def test_starts_a_child_again_that_was_killed_and_says_so(
    supervisor: Supervisor, said: list[str], tmp_path: Path
) -> None:
    process = supervisor.start(_command(tmp_path, "door"))
    process.stop()

    def again() -> bool:
        supervisor.tend()
        return supervisor.processes()["door"] != process.pid

    until(again, what="another process")
    assert "door ended with code -15" in said[0]


def test_goes_on_trying_when_a_child_does_not_come_up_again(
    supervisor: Supervisor, said: list[str], tmp_path: Path
) -> None:
    command, obstacles = _command(tmp_path, "postgres"), ["its port is still taken"]

    def start() -> Process:
        if supervisor.processes() and obstacles:
            raise ProcessFailed(obstacles.pop())
        return Process(command)

    first = supervisor.adopt(start)
    first.stop()

    def again() -> bool:
        supervisor.tend()
        return supervisor.processes()["postgres"] != first.pid

    until(again, what="another process")
    assert "its port is still taken" in said[1]


def test_leaves_a_child_alone_that_runs(supervisor: Supervisor, said: list[str], tmp_path: Path) -> None:
    process = supervisor.start(_command(tmp_path, "door"))
    supervisor.tend()
    assert supervisor.processes() == {"door": process.pid}
    assert said == []


def test_an_end_while_everything_starts_is_final(supervisor: Supervisor, tmp_path: Path) -> None:
    process = supervisor.start(_command(tmp_path, "door", "raise SystemExit('no such setting')"))
    until(lambda: process.exit_code is not None)
    with pytest.raises(ProcessFailed, match="no such setting"):
        supervisor.check()


def test_stops_the_last_one_first(supervisor: Supervisor, tmp_path: Path) -> None:
    trace = tmp_path / "order"
    program = (
        "import signal, sys\n"
        "def stop(*_): open({trace!r}, 'a').write({name!r} + ' '); sys.exit()\n"
        "signal.signal(15, stop); print('up', flush=True); signal.pause()"
    )
    for name in ("postgres", "operator", "door"):
        supervisor.start(_command(tmp_path, name, program.format(trace=str(trace), name=name)))
        until(lambda name=name: "up" in (tmp_path / f"{name}.log").read_text())
    supervisor.stop()
    assert trace.read_text() == "door operator postgres "


def test_the_pause_doubles_for_a_child_that_cannot_run(
    supervisor: Supervisor, said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    supervisor.start(_command(tmp_path, "door", "raise SystemExit(1)"))
    until(lambda: (supervisor.tend(), len(said) == 1)[1])
    for seconds, ends in ((0.01, 2), (0.02, 3), (0.04, 4)):
        before = supervisor.processes()
        now[0] += seconds * 0.99
        supervisor.tend()
        assert supervisor.processes() == before, "it is still pausing"
        now[0] += seconds * 0.02
        until(lambda ends=ends: (supervisor.tend(), len(said) == ends)[1])
