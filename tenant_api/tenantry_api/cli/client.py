"""One conversation with a server's API, for the commands; what goes wrong is said in one line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import httpx2
import typer

from tenantry_api.cli import credentials

__all__ = ["DEFAULT_URL", "Client", "UrlOption", "connect", "fetch", "stop"]

DEFAULT_URL = "http://127.0.0.1:8080"

_TIMEOUT = 30.0  # seconds
_DOWNLOAD_TIMEOUT = 120.0  # seconds without a byte; an export waits until all records are in it

UrlOption = Annotated[
    str,
    typer.Option("--url", envvar="TENANTRY_URL", help="Where Tenantry is; else where you signed in last."),
]


class Client:
    """With a token, or without."""

    def __init__(self, url: str, token: str | None = None) -> None:
        self.url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def call(self, method: str, path: str, json: object = None) -> Any:
        """The answer's JSON, None when it has none. Anything but success ends the command with the server's words."""
        return fetch(method, f"{self.url}/api/v1{path}", headers=self._headers, json=json)

    def download(self, method: str, path: str) -> Iterator[bytes]:
        """The answer's bytes as they come, for answers of any size."""
        address = f"{self.url}/api/v1{path}"
        try:
            with httpx2.stream(method, address, headers=self._headers, timeout=_DOWNLOAD_TIMEOUT) as answer:
                if not answer.is_success:
                    answer.read()
                    raise stop(f"{_detail(answer)} ({method} {address}: {answer.status_code})")
                yield from answer.iter_bytes()
        except httpx2.HTTPError as error:
            raise stop(f"{address} broke off: {error}") from error


def connect(url: str) -> Client:
    """With the token of TENANTRY_TOKEN (or MLFLOW_TRACKING_TOKEN), else the one that `tenantry login` stored."""
    stored = credentials.load()
    chosen = (url or stored.current or DEFAULT_URL).rstrip("/")
    token = credentials.token_from_environment() or _stored_token(stored, chosen)
    if token is None:
        raise stop(f"Not signed in at {chosen}: run `tenantry login --url {chosen}`, or set TENANTRY_TOKEN.")
    return Client(chosen, token)


def fetch(method: str, address: str, *, headers: dict[str, str] | None = None, json: object = None) -> Any:
    try:
        answer = httpx2.request(method, address, headers=headers, json=json, timeout=_TIMEOUT)
    except httpx2.HTTPError as error:
        raise stop(f"{address} cannot be reached: {error}") from error
    if not answer.is_success:
        raise stop(f"{_detail(answer)} ({method} {address}: {answer.status_code})")
    return answer.json() if answer.content else None


def stop(why: str) -> typer.Exit:
    """To be raised: exit code 1, and why."""
    typer.secho(why, err=True, fg="red")
    return typer.Exit(1)


def _stored_token(stored: credentials.Credentials, url: str) -> str | None:
    found = stored.servers.get(url)
    return found.token if found else None


def _detail(answer: httpx2.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return "The server gave no reason"
