"""The spawner's process itself: what it holds, what it refuses, and how it ends."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.backend import SECRET_HEADER, Lab, alive, ask
from tests.support.wait import until

COMMAND = ["-m", "tenantry_backend.spawner"]
# A thread that a library might have started.
WITH_A_THREAD = """
import threading
threading.Thread(target=threading.Event().wait, daemon=True).start()
from tenantry_backend.spawner import main
main()
"""


@dataclass
class Talk:
    process: subprocess.Popen[bytes]
    control: socket.socket

    def order(self, order: dict[str, object], *descriptors: int) -> None:
        socket.send_fds(self.control, [json.dumps(order).encode()], list(descriptors))

    def event(self) -> Any:
        return json.loads(self.control.recv(4096))


@contextmanager
def talk_to(*arguments: str) -> Iterator[Talk]:
    control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    control.settimeout(90)
    with control, theirs:
        process = subprocess.Popen([sys.executable, "-W", "ignore", *arguments], stdin=theirs, env={})
        theirs.close()
        try:
            yield Talk(process, control)
        finally:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def talk() -> Iterator[Talk]:
    with talk_to(*COMMAND) as talk:
        assert talk.event() == {"event": "warm"}
        yield talk


def settings(database_url: str, home: Path) -> int:
    for name in ("artifacts", "scratch"):
        (home / name).mkdir()
    content = {
        "database_url": database_url,
        "artifact_directory": str(home / "artifacts"),
        "scratch_directory": str(home / "scratch"),
        "secret": "s",
        "grace": 2,
    }
    descriptor = os.memfd_create("settings")
    os.write(descriptor, json.dumps(content).encode())
    return descriptor


def start(talk: Talk, identity: int, database_url: str, home: Path) -> tuple[int, str]:
    """Order a server: its process id and its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener, (home / "log").open("wb") as log:
        told = settings(database_url, home)
        talk.order({"order": "fork", "id": identity}, listener.fileno(), told, log.fileno())
        os.close(told)
        event = talk.event()
        assert (event["event"], event["id"]) == ("forked", identity)
        return event["pid"], f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_it_has_one_thread_no_connection_and_no_secret_after_servers_were_started(
    new_server: Callable[[], Lab],
) -> None:
    lab = new_server()
    process = Path(f"/proc/{lab.runtime.spawner_pid}")
    assert len(list((process / "task").iterdir())) == 1
    inherited = (process / "environ").read_bytes().decode().split("\0")
    assert {line.partition("=")[0] for line in inherited if line} <= {
        "HOME", "LANG", "LC_ALL",
        "LD_LIBRARY_PATH", "MALLOC_ARENA_MAX", "PATH", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "TZ",
    }  # fmt: skip
    opened = {str(link.readlink()).partition(":")[0] for link in (process / "fd").iterdir()}
    assert {name for name in opened if not name.startswith("/")} <= {"anon_inode", "pipe", "socket"}
    sockets = [link for link in (process / "fd").iterdir() if str(link.readlink()).startswith("socket:")]
    assert len(sockets) == 1, "its orders come on one; anything else would be a connection"
    for secret in (lab.secret, lab.plan.database_url.get_secret_value()):
        assert secret.encode() not in memory(process)


def memory(process: Path) -> bytes:
    """All that the process could write: its heap, stack and anonymous pages."""
    content = bytearray()
    with (process / "mem").open("rb", buffering=0) as pages:
        for line in (process / "maps").read_text().splitlines():
            span, rights, *rest = line.split()
            if rights.startswith("rw") and (len(rest) < 4 or rest[3] in {"[heap]", "[stack]"}):
                begin, end = (int(part, 16) for part in span.split("-"))
                pages.seek(begin)
                content += pages.read(end - begin) or b""
    return bytes(content)


def test_it_refuses_to_fork_when_it_has_a_second_thread(tmp_path: Path) -> None:
    with talk_to("-c", WITH_A_THREAD) as talk, socket.create_server(("127.0.0.1", 0)) as listener:
        assert talk.event() == {"event": "warm"}
        told = settings("postgresql+psycopg://nobody@127.0.0.1:1/nothing", tmp_path)
        talk.order({"order": "fork", "id": 1}, listener.fileno(), told, 2)
        os.close(told)
        refusal = talk.event()
        assert (refusal["event"], refusal["id"]) == ("refused", 1)
        assert "2 threads" in refusal["reason"]


def test_a_server_ends_on_a_signal_and_its_end_is_reported(
    talk: Talk, new_database: Callable[[], str], tmp_path: Path
) -> None:
    pid, address = start(talk, 7, new_database(), tmp_path)
    assert ask(address, "/health", headers={SECRET_HEADER: "s"}) == (200, b"OK")
    talk.order({"order": "signal", "id": 7, "signal": 15})
    assert talk.event() == {"event": "exited", "id": 7, "status": -15}
    assert not alive(pid)


def test_a_signal_to_a_server_that_is_gone_is_not_an_error(talk: Talk, tmp_path: Path) -> None:
    talk.order({"order": "signal", "id": 99, "signal": 15})
    pid, _ = start(talk, 8, "postgresql+psycopg://nobody@127.0.0.1:1/nothing", tmp_path)
    assert talk.event() == {"event": "exited", "id": 8, "status": 1}
    assert "cannot log in to the project's database" in (tmp_path / "log").read_text()
    assert not alive(pid)


@pytest.mark.parametrize("how", ["closed", "killed"])
def test_servers_do_not_outlive_it(how: str, new_database: Callable[[], str], tmp_path: Path) -> None:
    with talk_to(*COMMAND) as talk:
        assert talk.event() == {"event": "warm"}
        pid, address = start(talk, 1, new_database(), tmp_path)
        assert ask(address, "/health", headers={SECRET_HEADER: "s"}) == (200, b"OK")
        if how == "closed":
            talk.control.close()
        else:
            talk.process.kill()
        talk.process.wait(timeout=30)
        until(lambda: not alive(pid), what="the end of the server")
