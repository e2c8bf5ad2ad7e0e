"""A whole installation on one machine, composed: PostgreSQL, catalog, provider, operator, door.

The same programs that run elsewhere, started as children with their settings in the environment. Nothing of theirs is
imported here; what they need from one another are the addresses and files in their settings.
"""

from __future__ import annotations

import http.client
import os
import socket
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from tenantry_api.up.catalog import ensure_catalog
from tenantry_api.up.ports import free_ports
from tenantry_api.up.postgres import Postgres
from tenantry_api.up.processes import Command, Process, ProcessFailed
from tenantry_api.up.projects import Projects
from tenantry_api.up.state import State
from tenantry_api.up.supervisor import Supervisor

__all__ = ["Issuer", "Machine", "Options", "PortTaken"]

_READY_WITHIN = 60.0
# Programs read settings of their own name from the environment; a user's must not leak into them.
_NOT_INHERITED = ("TENANTRY_", "MLFLOW_", "_MLFLOW_", "PG")

Progress = Callable[[str], AbstractContextManager[None]]


class PortTaken(Exception):
    """Somebody else listens where we should. The message says on which port and what to do."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """A real identity provider, in the place of the development one."""

    url: str
    client_id: str = "tenantry"
    client_secret: str | None = None


@dataclass(frozen=True, slots=True)
class Options:
    state: Path
    manifests: Path
    # Where people connect; the development provider takes the port after it. 0: any two free ones.
    port: int = 8080
    issuer: Issuer | None = None

    @property
    def users(self) -> Path:
        """The development provider's people stand beside the manifests."""
        return self.manifests / "users.yaml"


class Machine:
    """`start`, then `tend` twice a second, then `stop`; all from the main thread."""

    def __init__(self, options: Options, *, report: Callable[[str], None], progress: Progress) -> None:
        self._options = options
        self._progress = progress
        self._supervisor = Supervisor(report)
        self._port, self._provider_port = _ports(options.port)
        self.state = State(options.state)
        self.postgres = Postgres(self.state.postgres)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def issuer(self) -> Issuer:
        return self._options.issuer or Issuer(f"http://127.0.0.1:{self._provider_port}")

    @property
    def projects(self) -> Projects:
        """What the operator has published, for tables and for waiting."""
        return Projects(self.postgres, self.url)

    def start(self) -> None:
        """Everything in order; returns when every project is ready or says why not. Stops all again if it fails."""
        try:
            self.start_database()
            self.start_programs()
            self.wait_for_projects()
        except BaseException:
            self.stop()
            raise

    def start_database(self) -> None:
        if not self._options.manifests.is_dir():
            raise FileNotFoundError(f"{self._options.manifests} is no folder: name one with manifests by --manifests.")
        self.state.open()
        self._refuse_taken_ports()
        with self._progress("PostgreSQL"):
            self._supervisor.adopt(self._start_postgres)
        with self._progress("Catalog"):
            self._addresses = ensure_catalog(self.postgres, self.state.passwords())

    def start_programs(self) -> None:
        """All at once, since none needs another to start; then wait for each."""
        provider = None if self._options.issuer else self._start_provider()
        self._start_operator()
        door = self._start_door()
        if provider is not None:
            with self._progress("Development identity provider"):
                self._wait(provider, lambda: _answers(self._provider_port, "/.well-known/openid-configuration"))
        with self._progress("Door"):
            self._wait(door, lambda: _answers(self._port, "/readyz"))

    def wait_for_projects(self) -> None:
        """Until each manifest of a project has an answer: ready, or a reason that the table shows."""
        with self._progress("Projects"):
            end = time.monotonic() + _READY_WITHIN
            while self.projects.waiting(self._options.manifests) and time.monotonic() < end:
                self._supervisor.check()
                time.sleep(0.05)

    def tend(self) -> None:
        self._supervisor.tend()

    def processes(self) -> dict[str, int]:
        return self._supervisor.processes()

    def stop(self) -> None:
        """In reverse: the door first, so that nothing is cut off that was let in; PostgreSQL last."""
        self._supervisor.stop()
        self.state.close()

    def _start_postgres(self) -> Process:
        self.postgres.stop()
        self.postgres.start(inherit=(self.state.lock_descriptor(),))
        if self.postgres.process is None:
            raise ProcessFailed("PostgreSQL did not start.")
        return self.postgres.process

    def _start(self, name: str, module: str, settings: Mapping[str, str]) -> Process:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_INHERITED)}
        command = Command(
            name=name,
            argv=(sys.executable, "-m", module),
            environment={**inherited, **settings},
            log=self.state.log(name),
            inherit=(self.state.lock_descriptor(),),
        )
        return self._supervisor.start(command)

    def _start_operator(self) -> Process:
        settings = {
            "TENANTRY_CATALOG_URL": self._addresses["operator"],
            "TENANTRY_PROVISION_URL": self.postgres.url(),
            "TENANTRY_SOURCE_DIRECTORY": f"{self._options.manifests.absolute()}",
            "TENANTRY_STATE_DIRECTORY": f"{self.state.operator}",
            "TENANTRY_PUBLIC_URL": self.url,
        }
        return self._start("operator", "tenantry_operator", settings)

    def _start_door(self) -> Process:
        secret = self.issuer.client_secret
        settings = {
            "TENANTRY_CATALOG_URL": self._addresses["api"],
            "TENANTRY_PUBLIC_URL": self.url,
            "TENANTRY_LISTEN": f"127.0.0.1:{self._port}",
            "TENANTRY_RECORD_DIRECTORY": f"{self.state.record}",
            "TENANTRY_SIGNING_KEY_FILE": f"{self.state.signing_key}",
            # Not the host of the public URL, which another --port would change: the key tells installations apart.
            "TENANTRY_LOG_ORIGIN": "localhost",
            "TENANTRY_OIDC_ISSUER": self.issuer.url,
            "TENANTRY_OIDC_CLIENT_ID": self.issuer.client_id,
            **({} if secret is None else {"TENANTRY_OIDC_CLIENT_SECRET": secret}),
        }
        return self._start("door", "tenantry_api", settings)

    def _start_provider(self) -> Process:
        settings = {
            "TENANTRY_PROVIDER_LISTEN": f"127.0.0.1:{self._provider_port}",
            "TENANTRY_PROVIDER_USERS_FILE": f"{self._options.users.absolute()}",
            "TENANTRY_PROVIDER_KEY_FILE": f"{self.state.provider_key}",
            "TENANTRY_PUBLIC_URL": self.url,
        }
        return self._start("provider", "tenantry_api.up.provider", settings)

    def _wait(self, process: Process, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + _READY_WITHIN
        while not condition():
            self._supervisor.check()
            if time.monotonic() > end:
                raise ProcessFailed(f"{process.command.name} was not ready within {_READY_WITHIN:.0f} s.")
            time.sleep(0.02)

    def _refuse_taken_ports(self) -> None:
        ports = [self._port] if self._options.issuer else [self._port, self._provider_port]
        for port in ports:
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError as error:
                    raise PortTaken(
                        f"Port {port} of 127.0.0.1 cannot be used ({error.strerror}): stop the program that has it, "
                        "or choose another with --port."
                    ) from error


def _ports(port: int) -> tuple[int, int]:
    """The issuer's address is part of a person's identity, so it has to last as the door's does."""
    port = port or free_ports(2)
    return port, port + 1


def _answers(port: int, path: str) -> bool:
    """Not what cannot be read either: before anybody listens, a socket may by chance be connected to itself."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
