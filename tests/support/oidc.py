"""The development provider as a process, and a person with a browser that has no screen."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Self

import httpx2

from tenantry_api.up.ports import free_ports

__all__ = ["USERS", "Person", "Provider", "free_port", "provider_process", "running_provider"]

USERS = """\
users:
- {username: alice, name: Alice Archer, email: alice@example.org, groups: [vision-leads, vision-ml]}
- {username: bob, name: Bob Baker, email: bob@example.org, groups: [language-ml]}
- {username: carol, name: Carol Cooper, email: carol@example.org, groups: []}
- {username: audrey, name: Audrey Archivist, email: audrey@example.org, groups: [compliance]}
"""


@dataclass(frozen=True)
class Provider:
    """`client_url` is the door's; `key_file` signs its ID tokens."""

    issuer: str
    client_url: str
    key_file: Path
    log: str


def free_port() -> int:
    """A port that was free a moment ago: an address has to be known before its server starts."""
    return free_ports()


def provider_process(directory: Path, **settings: str) -> subprocess.Popen[str]:
    """`python -m tenantry_api.up.provider`, as it would be started by hand."""
    users = directory / "users.yaml"
    users.write_text(USERS)
    named = {
        "provider_listen": "127.0.0.1:0",
        "provider_users_file": str(users),
        "provider_key_file": str(directory / "provider.pem"),
        "public_url": "http://127.0.0.1:1",
    } | settings
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TENANTRY_")}
    environment = kept | {f"TENANTRY_{name.upper()}": value for name, value in named.items()}
    program = [sys.executable, "-m", "tenantry_api.up.provider"]
    return subprocess.Popen(program, env=environment, stderr=subprocess.PIPE, text=True)


@contextmanager
def running_provider(directory: Path, **settings: str) -> Iterator[Provider]:
    """Ready once it has said so; stopped with SIGTERM, which has to end it cleanly."""
    process = provider_process(directory, **settings)
    assert process.stderr is not None
    line = process.stderr.readline()
    try:
        client_url = settings.get("public_url", "http://127.0.0.1:1")
        yield Provider(json.loads(line)["issuer"], client_url, directory / "provider.pem", line)
    finally:
        process.terminate()
        _, rest = process.communicate(timeout=30)
    assert process.returncode == 0, rest


class Person:
    """Somebody's browser: it keeps cookies, follows redirects one at a time, and finds forms."""

    def __init__(self) -> None:
        self.http = httpx2.Client(timeout=30)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def pick(self, authorization_url: str, user: str) -> str:
        """Open the issuer's page and pick a user; where it sends the browser then."""
        page = self.http.get(authorization_url)
        assert page.status_code == 200, page.text
        form = {"request": self.hidden(page.text, "request"), "user": user}
        picked = self.http.post(authorization_url.partition("?")[0], data=form)
        assert picked.status_code == 303, picked.text
        return str(picked.headers["location"])

    def sign_in(self, url: str, user: str, return_to: str = "/") -> httpx2.Response:
        """All the way through the door at `url`; its last answer, with the session's cookie."""
        started = self.http.get(f"{url}/login/start", params={"return_to": return_to})
        assert started.status_code == 303, started.text
        return self.http.get(self.pick(started.headers["location"], user))

    def api(self, method: str, address: str, json: object = None) -> httpx2.Response:
        """As a script on one of the door's own pages calls the API."""
        url = "/".join(address.split("/")[:3])
        csrf = self.http.get(f"{url}/api/v1/me").json().get("csrf_token") or ""
        return self.http.request(method, address, json=json, headers={"Origin": url, "X-CSRF-Token": csrf})

    @staticmethod
    def hidden(html: str, name: str) -> str:
        """The value of a hidden field."""
        found = re.search(rf'<input type="hidden" name="{name}" value="([^"]*)"', html)
        assert found, f"no hidden field {name} in {html}"
        return unescape(found[1])
