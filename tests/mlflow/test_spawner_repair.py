"""Processes are killed, and people who make requests meanwhile wait a little."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from psycopg import sql

from tenantry_operator.runtime import Failed, Running, ServerFailed, Stopped
from tenantry_operator.runtime.process import ProcessRuntime
from tests.support.backend import SECRET_HEADER, Calls, Lab, alive, plan_in
from tests.support.postgres import PostgresServer
from tests.support.wait import until

# Starts a server, says which processes there are, and waits to be killed.
OPERATOR = """
import sys
from pathlib import Path
from tenantry_operator.runtime.process import ProcessRuntime
from tests.support.backend import plan_in
home, url = Path(sys.argv[1]), sys.argv[2]
runtime = ProcessRuntime(home / "state", on_exit=print, on_recovery=print)
plan = plan_in(home, url)
runtime.start(plan)
print(runtime.spawner_pid, runtime._servers[plan.key]._child.pid, flush=True)
sys.stdin.read()
"""


def test_a_killed_server_is_restarted_and_says_so(new_server: Callable[[], Lab], calls: Calls) -> None:
    lab = new_server()
    os.kill(lab.pid, signal.SIGKILL)
    failed = until(lambda: isinstance(state := lab.runtime.state(lab.key), Failed) and state, deadline=30)
    assert failed.reason.startswith("the server was ended by SIGKILL")
    assert lab.ask("/health") == (200, b"OK")
    until(lambda: calls.recoveries.count(lab.key) == 1, deadline=30)
    assert lab.runtime.state(lab.key) == lab.running, "address and secret are still those that were published"
    assert calls.of(lab.key) == [failed.reason]


def test_one_server_crashing_does_not_touch_another(new_server: Callable[[], Lab]) -> None:
    victim, bystander = new_server(), new_server()
    pid = bystander.pid
    os.kill(victim.pid, signal.SIGKILL)
    until(lambda: isinstance(victim.runtime.state(victim.key), Failed), deadline=30)
    assert bystander.ask("/health") == (200, b"OK")
    assert bystander.pid == pid


def test_a_killed_spawner_is_repaired_without_losing_a_request(new_server: Callable[[], Lab], calls: Calls) -> None:
    one, other = new_server(), new_server()
    spawner = one.runtime.spawner_pid
    assert spawner
    os.kill(spawner, signal.SIGKILL)
    until(lambda: calls.of(one.key) and calls.of(other.key), deadline=30)
    for lab in (one, other):
        assert lab.ask("/api/2.0/mlflow/experiments/search", {"max_results": 1})[0] == 200
        until(lambda lab=lab: lab.runtime.state(lab.key) == lab.running, deadline=30)
        assert calls.of(lab.key) == ["the server ended because the spawner did"]
    assert one.runtime.spawner_pid != spawner


def test_a_start_that_meets_a_dying_spawner_succeeds(
    runtime: ProcessRuntime, new_database: Callable[[], str], tmp_path: Path
) -> None:
    plan = plan_in(tmp_path, new_database())
    spawner = until(lambda: runtime.spawner_pid, deadline=90)
    os.kill(spawner, signal.SIGKILL)
    try:
        assert isinstance(runtime.start(plan), Running)
    finally:
        runtime.stop(plan.key)


def test_a_server_that_cannot_start_says_why_without_secrets(
    runtime: ProcessRuntime, new_database: Callable[[], str], tmp_path: Path
) -> None:
    url, _, name = new_database().rpartition("/")
    plan = plan_in(tmp_path, f"{url}/missing_{name}")
    with pytest.raises(ServerFailed, match=f'database "missing_{name}" does not exist') as raised:
        runtime.start(plan)
    state = runtime.state(plan.key)
    assert isinstance(state, Failed)
    assert state.reason == str(raised.value)
    assert url.partition("@")[0].rpartition(":")[2] not in state.reason
    runtime.stop(plan.key)
    assert runtime.state(plan.key) == Stopped()


def test_a_server_that_could_not_start_runs_once_its_database_is_there(
    runtime: ProcessRuntime,
    mlflow_server: PostgresServer,
    new_database: Callable[[], str],
    calls: Calls,
    tmp_path: Path,
) -> None:
    url = new_database()
    name, later = url.rpartition("/")[2], f"{url.rpartition('/')[2]}_later"
    plan = plan_in(tmp_path, f"{url}_later")
    with pytest.raises(ServerFailed, match="does not exist"):
        runtime.start(plan)
    rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
    mlflow_server.execute(rename.format(sql.Identifier(name), sql.Identifier(later)))
    until(lambda: plan.key in calls.recoveries, deadline=90)
    assert isinstance(runtime.start(plan), Running)
    assert calls.of(plan.key) == [], "it has never run before, so it did not end either"
    runtime.stop(plan.key)
    mlflow_server.execute(rename.format(sql.Identifier(later), sql.Identifier(name)))


def test_a_stop_lets_a_request_in_flight_end_and_refuses_new_ones(new_server: Callable[[], Lab]) -> None:
    lab = new_server()
    pid = lab.pid
    with begun_upload(lab) as upload, ThreadPoolExecutor() as pool:
        stopped = pool.submit(lab.runtime.stop, lab.key)
        until(lambda: refused(lab), what="the end of the listening socket")
        upload.sendall(b"content!")
        assert upload.recv(64).startswith(b"HTTP/1.1 200")
        stopped.result(timeout=30)
    assert not alive(pid)
    assert lab.runtime.state(lab.key) == Stopped()


@contextmanager
def begun_upload(lab: Lab) -> Iterator[socket.socket]:
    """A PUT of 8 bytes that MLflow has begun to read: it said so with `100 Continue`."""
    with socket.create_connection(("127.0.0.1", int(lab.running.address.rpartition(":")[2])), timeout=30) as upload:
        upload.sendall(
            b"PUT /api/2.0/mlflow-artifacts/artifacts/0/slow.bin HTTP/1.1\r\n"
            b"Host: backend\r\nContent-Length: 8\r\nExpect: 100-continue\r\n"
            + f"{SECRET_HEADER}: {lab.secret}\r\n\r\n".encode()
        )
        assert upload.recv(64).startswith(b"HTTP/1.1 100")
        yield upload


def refused(lab: Lab) -> bool:
    try:
        lab.ask("/health")
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False


def test_a_new_start_has_a_new_secret(new_server: Callable[[], Lab]) -> None:
    lab = new_server()
    lab.runtime.stop(lab.key)
    again = lab.runtime.start(lab.plan)
    assert again.secret != lab.running.secret
    assert lab.runtime.start(lab.plan) == again, "a server that runs is left alone"


def test_close_leaves_no_process_no_socket_and_no_thread(new_database: Callable[[], str], tmp_path: Path) -> None:
    threads = set(threading.enumerate())
    runtime = ProcessRuntime(tmp_path / "state", on_exit=lambda *_: None, on_recovery=lambda _: None)
    plan = plan_in(tmp_path, new_database())
    lab = Lab(runtime, plan, runtime.start(plan))
    processes = [lab.pid, runtime.spawner_pid or 0]
    assert all(alive(pid) for pid in processes)
    runtime.close()
    assert not any(alive(pid) for pid in processes)
    assert set(threading.enumerate()) == threads
    assert refused(lab)
    with pytest.raises(ServerFailed, match="stopping"):
        runtime.start(plan)
    assert not list((tmp_path / "state" / "scratch").glob("*/*"))


def test_nothing_outlives_a_killed_operator(new_database: Callable[[], str], tmp_path: Path) -> None:
    operator = subprocess.Popen(
        [sys.executable, "-c", OPERATOR, str(tmp_path), new_database()], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert operator.stdout
    assert operator.stdin
    with operator.stdout, operator.stdin:
        processes = [int(pid) for pid in operator.stdout.readline().split()]
        assert all(alive(pid) for pid in processes)
        operator.kill()
        operator.wait()
    until(lambda: not any(alive(pid) for pid in processes), deadline=30, what="the end of spawner and server")
