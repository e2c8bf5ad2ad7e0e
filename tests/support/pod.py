"""A backend as it runs in a pod: a process of its own with its settings in a file, and the Service in front of some."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp.abc import AbstractResolver, ResolveResult

from tenantry_api.up.ports import free_ports
from tests.support.wait import until

__all__ = ["SECRET", "Pod", "Service", "listens", "pod_settings", "running_pod", "starting_pod"]

SECRET = "the secret of the backend"
GRACE = 20


@dataclass(frozen=True)
class Pod:
    process: subprocess.Popen[bytes]
    port: int
    log_file: Path

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    def leave(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def ended(self) -> bool:
        return self.process.poll() is not None


class Service(AbstractResolver):
    """As a cluster's Service does it: a new connection goes where `pod` is at that moment, one that stands stays."""

    def __init__(self, pod: Pod) -> None:
        self.pod = pod

    async def resolve(
        self,
        host: str,
        port: int = 0,  # noqa: ARG002  aiohttp's signature
        family: socket.AddressFamily = socket.AF_INET,  # noqa: ARG002
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host="127.0.0.1", port=self.pod.port, family=socket.AF_INET, proto=0, flags=0)
        ]

    async def close(self) -> None:
        pass


def pod_settings(database_url: str, home: Path, **changes: object) -> dict[str, object]:
    """With artifacts in a directory, unless `changes` say otherwise. None takes a field away."""
    settings = {
        "database_url": database_url,
        "artifact_directory": str(home / "artifacts"),
        "scratch_directory": str(home / "scratch"),
        "secret": SECRET,
        "grace": GRACE,
    }
    return {name: value for name, value in (settings | changes).items() if value is not None}


@contextmanager
def starting_pod(home: Path, settings: object, environment: Mapping[str, str] | None = None) -> Iterator[Pod]:
    home.mkdir(parents=True, exist_ok=True)
    file, log, port = home / "settings.json", home / "log", free_ports()
    file.write_text(settings if isinstance(settings, str) else json.dumps(settings))
    variables = {
        "PATH": os.environ["PATH"],
        "TENANTRY_BACKEND_PORT": str(port),
        "TENANTRY_BACKEND_SETTINGS_FILE": str(file),
    }
    command = [sys.executable, "-W", "ignore", "-m", "tenantry_backend.pod"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=variables | dict(environment or {}), stdout=output, stderr=output)
    try:
        yield Pod(process, port, log)
    finally:
        process.kill()
        process.wait()


@contextmanager
def running_pod(home: Path, settings: object, environment: Mapping[str, str] | None = None) -> Iterator[Pod]:
    """One that listens, and so is ready."""
    with starting_pod(home, settings, environment) as pod:

        def ready() -> bool:
            assert not pod.ended(), pod.log
            return listens(pod.port)

        until(ready, deadline=90, what="a pod that listens")
        yield pod


def listens(port: int) -> bool:
    """What a tcpSocket probe asks."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
