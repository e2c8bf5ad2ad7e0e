"""How `tenantry up` refuses: before anything is started that would have to be stopped."""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from threading import Thread

import pytest

from tenantry_api.up.machine import Issuer, Machine, Options, PortTaken, _answers
from tenantry_api.up.state import State, StateInUse


@pytest.fixture
def folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="tenantry-tests-"))
    folder.chmod(0o711)
    (folder / "manifests").mkdir()
    yield folder
    shutil.rmtree(folder)


def _machine(folder: Path, port: int, issuer: Issuer | None = None) -> Machine:
    options = Options(state=folder / "state", manifests=folder / "manifests", port=port, issuer=issuer)
    return Machine(options, report=print, progress=lambda _what: nullcontext())


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


def test_a_taken_port_is_named_before_anything_starts(folder: Path, taken: int) -> None:
    machine = _machine(folder, taken)
    with pytest.raises(PortTaken, match=rf"Port {taken} of 127.0.0.1 cannot be used .* --port"):
        machine.start()
    assert not (folder / "state" / "postgres").exists()


def test_the_port_of_the_development_provider_is_looked_at_too(folder: Path, taken: int) -> None:
    with pytest.raises(PortTaken, match=f"Port {taken} "):
        _machine(folder, taken - 1).start()


def test_a_directory_in_use_is_named(folder: Path) -> None:
    first = State(folder / "state")
    first.open()
    with pytest.raises(StateInUse, match="in use by process"):
        _machine(folder, 0).start()
    first.close()


def test_manifests_that_are_not_there_are_named(folder: Path) -> None:
    (folder / "manifests").rmdir()
    with pytest.raises(FileNotFoundError, match=r"manifests is no folder: name one with manifests by --manifests"):
        _machine(folder, 0).start()


def test_a_program_that_fails_stops_everything_again(folder: Path) -> None:
    """The development provider has no users file here."""
    machine = _machine(folder, 0)
    with pytest.raises(Exception, match=r"(?s)provider ended with code 2\..*users\.yaml"):
        machine.start()
    assert machine.processes() == {}
    assert machine.postgres.process is not None
    assert machine.postgres.process.exit_code == 0


def test_an_answer_that_is_no_http_is_none() -> None:
    """As from a socket that is connected to itself: it gets its own question back."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        echo = Thread(target=_echo_once, args=(server,))
        echo.start()
        assert not _answers(server.getsockname()[1], "/readyz")
        echo.join()


def _echo_once(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        connection.sendall(connection.recv(65_536))
