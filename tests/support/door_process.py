"""The door as it runs in earnest: `python -m tenantry_api`, with settings from the environment."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from tenantry_api.settings import Settings
from tests.support.wait import until

__all__ = ["address_in", "door_environment", "door_process", "ready_door", "until_ready"]


def door_environment(settings: Settings) -> dict[str, str]:
    """What it is given to run with these settings."""
    own = {
        "CATALOG_URL": settings.catalog_url.get_secret_value(),
        "LISTEN": settings.listen,
        "LOG_ORIGIN": settings.log_origin,
        "OIDC_ISSUER": settings.oidc_issuer,
        "RECORD_DIRECTORY": str(settings.record_directory),
        "SIGNING_KEY_FILE": str(settings.signing_key_file),
    }
    return os.environ | {f"TENANTRY_{name}": value for name, value in own.items()}


@contextmanager
def door_process(environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """It is killed at the end, unless it has ended by then."""
    with log.open("wb") as output:
        process = subprocess.Popen([sys.executable, "-m", "tenantry_api"], env=environment, stderr=output)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def ready_door(environment: dict[str, str], log: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Its address as well, once it takes requests."""
    with door_process(environment, log) as process:
        url = address_in(log)
        until_ready(url)
        yield url, process


def address_in(log: Path, *, name: str = "url") -> str:
    """Its address, or the one of its `metrics`, once it listens there; it may not be ready yet."""
    listens = re.compile(rf'"{name}": "(http://[^"]+)"')
    return str(until(lambda: listens.search(log.read_text()), deadline=60, what=f"the door's {name} in {log}")[1])


def until_ready(url: str) -> None:
    until(lambda: _is_ready(url), deadline=60, what=f"{url}/readyz")


def _is_ready(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/readyz").status_code == httpx2.codes.OK
    except httpx2.HTTPError:
        return False
