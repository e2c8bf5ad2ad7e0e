"""Keycloak, a provider that is not ours, and a person who signs in with it by name and password.

Looked for in KEYCLOAK_HOME, then in the cache; else Maven fetches it, once, where `mvn` and `java` are installed.
Nothing requires it: a test that needs it is skipped with the reason.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx2
import pytest

from tests.support.oidc import Person, free_port
from tests.support.wait import until

__all__ = ["KeycloakPerson", "running_keycloak"]

_VERSION = "26.7.3"
_REALM = Path(__file__).parents[1] / "oidc" / "keycloak-realm.json"
# Of an administrator that lives as long as the process, on loopback.
_ADMIN = {"username": "admin", "password": "admin"}


@contextmanager
def running_keycloak(log: Path) -> Iterator[str]:
    """The issuer: the realm of keycloak-realm.json, on a free port, kept in memory alone; ready in 20 s."""
    home, url = _home(), f"http://127.0.0.1:{free_port()}"
    with log.open("wb") as output:
        server = subprocess.Popen(
            _command(home, url), env=_environment(), stdout=output, stderr=output, start_new_session=True
        )
    try:
        until(lambda: server.poll() is not None or _answers(url), deadline=120, what=f"Keycloak ({log})")
        assert server.poll() is None, log.read_text()
        _create_realm(url)
        yield f"{url}/realms/tenantry"
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


class KeycloakPerson(Person):
    """With a browser that takes loopback for secure, as browsers do: Keycloak's cookies are `Secure`."""

    def __init__(self) -> None:
        policy = DefaultCookiePolicy(secure_protocols=("http", "https"))
        self.http = httpx2.Client(timeout=30, cookies=CookieJar(policy))

    def pick(self, authorization_url: str, user: str) -> str:
        answer = self._sign_in_at(authorization_url, user)
        assert answer.status_code == 302, answer.text
        return str(answer.headers["location"])

    def approve(self, address: str, user: str) -> None:
        """Sign in at the address that a device named, and let it in."""
        answer = self._sign_in_at(address, user)
        page = self.http.get(answer.headers["location"], follow_redirects=True)
        form = {"code": self.hidden(page.text, "code"), "accept": "Yes"}
        done = self.http.post(_action(page), data=form, follow_redirects=True)
        assert done.status_code == 200, done.text

    def _sign_in_at(self, address: str, user: str) -> httpx2.Response:
        page = self.http.get(address, follow_redirects=True)
        return self.http.post(_action(page), data={"username": user, "password": user})


def _action(page: httpx2.Response) -> httpx2.URL:
    found = re.search(r'<form[^>]* action="([^"]+)"', page.text)
    assert found, page.text
    return page.url.join(unescape(found[1]))


def _home() -> Path:
    if named := os.environ.get("KEYCLOAK_HOME"):
        return Path(named)
    if shutil.which("java") is None:
        pytest.skip("Keycloak needs java")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tenantry"
    home = cache / f"keycloak-{_VERSION}"
    if not home.exists():
        _fetch(cache)
    return home


def _fetch(cache: Path) -> None:
    """Into a folder beside it first, so that an interrupted fetch leaves no half of it."""
    maven = shutil.which("mvn")
    if maven is None:
        pytest.skip(f"Keycloak {_VERSION} is neither in KEYCLOAK_HOME nor in {cache}, and mvn is not installed")
    cache.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=cache) as folder:
        artifact = f"-Dartifact=org.keycloak:keycloak-quarkus-dist:{_VERSION}:zip"
        goal = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
        command = [maven, "-q", "-B", goal, artifact, f"-DoutputDirectory={folder}"]
        try:
            subprocess.run(command, capture_output=True, check=True, timeout=60)
        except (subprocess.SubprocessError, OSError) as error:
            pytest.skip(f"Maven did not fetch Keycloak {_VERSION}: {error}")
        (archive,) = Path(folder).glob("*.zip")
        shutil.unpack_archive(archive, folder)
        (Path(folder) / f"keycloak-{_VERSION}").rename(cache / f"keycloak-{_VERSION}")


def _command(home: Path, url: str) -> list[str]:
    options = ["--cache=local", "--db=dev-mem", "--http-host=127.0.0.1", f"--http-port={url.rpartition(':')[2]}"]
    # Through the shell, since Python's zipfile does not keep the bit that makes a file executable.
    return ["nice", "-n", "10", "sh", str(home / "bin" / "kc.sh"), "start-dev", f"--hostname={url}", *options]


def _environment() -> dict[str, str]:
    return os.environ | {
        "JAVA_OPTS_APPEND": "-XX:TieredStopAtLevel=1",  # It starts in a third of the time.
        "JAVA_OPTS_KC_HEAP": "-Xms64m -Xmx384m",
        "KC_BOOTSTRAP_ADMIN_PASSWORD": _ADMIN["password"],
        "KC_BOOTSTRAP_ADMIN_USERNAME": _ADMIN["username"],
    }


def _answers(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/realms/master").status_code == 200
    except httpx2.HTTPError:
        return False


def _create_realm(url: str) -> None:
    form = _ADMIN | {"client_id": "admin-cli", "grant_type": "password"}
    token = httpx2.post(f"{url}/realms/master/protocol/openid-connect/token", data=form, timeout=30).json()
    bearer = {"Authorization": f"Bearer {token['access_token']}"}
    realm = json.loads(_REALM.read_text())
    created = httpx2.post(f"{url}/admin/realms", headers=bearer, json=realm, timeout=60)
    assert created.status_code == 201, created.text
