from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tenantry_api.up.processes import Command, Process, ProcessFailed, last_lines
from tests.support.wait import until


def _python(tmp_path: Path, program: str, **more: object) -> Command:
    settings = {"environment": {}, "log": tmp_path / "child.log", **more}
    return Command(name="child", argv=(sys.executable, "-c", program), **settings)  # type: ignore[arg-type]


def test_stops_by_the_signal_that_its_command_names(tmp_path: Path) -> None:
    program = "import signal, sys; signal.signal(2, lambda *_: sys.exit(7)); print('up', flush=True); signal.pause()"
    process = Process(_python(tmp_path, program, stop_signal=signal.SIGINT))
    until(lambda: "up" in (tmp_path / "child.log").read_text())
    process.stop()
    assert process.exit_code == 7


def test_kills_what_does_not_stop_within_its_grace(tmp_path: Path) -> None:
    program = "import signal; signal.signal(15, signal.SIG_IGN); print('up', flush=True)\nwhile True: signal.pause()"
    process = Process(_python(tmp_path, program, grace=0.1))
    until(lambda: "up" in (tmp_path / "child.log").read_text())
    process.stop()
    assert process.exit_code == -signal.SIGKILL


def test_an_end_is_told_with_its_code_and_last_words(tmp_path: Path) -> None:
    process = Process(_python(tmp_path, "raise SystemExit('the disk is full')"))
    until(lambda: process.exit_code is not None)
    with pytest.raises(ProcessFailed, match=r"child ended with code 1.*child\.log.*\n +the disk is full"):
        process.check()


def test_a_terminals_interrupt_does_not_reach_it(tmp_path: Path) -> None:
    process = Process(_python(tmp_path, "import signal; signal.pause()"))
    assert os.getpgid(process.pid) != os.getpgid(0)
    process.stop()


def test_gets_the_environment_it_was_given_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENANTRY_SECRET", "ours")
    process = Process(_python(tmp_path, "import os; print(sorted(os.environ))", environment={"GIVEN": "1"}))
    until(lambda: process.exit_code is not None)
    assert "GIVEN" in last_lines(tmp_path / "child.log")
    assert "TENANTRY_SECRET" not in last_lines(tmp_path / "child.log")


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's death signal is Linux's")
def test_dies_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    program = (
        "import sys, signal; from pathlib import Path; from tenantry_api.up.processes import Command, Process\n"
        "sleeper = (sys.executable, '-c', 'import signal; signal.pause()')\n"
        f"child = Command('child', sleeper, {{}}, Path({str(tmp_path / 'log')!r}))\n"
        "print(Process(child).pid, flush=True); signal.pause()"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    until(lambda: not _alive(pid), what="the child to follow its parent")


def _alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"
