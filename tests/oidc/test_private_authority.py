"""A provider with a certificate of the house's own authority: the door believes it where SSL_CERT_FILE says so."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tenantry_api.identify.oidc import Client, Issuer, SignInError
from tests.support.tls import Authority


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "house")


@pytest.fixture
def issuer(authority: Authority) -> Iterator[str]:
    """Serves a discovery document, and nothing else."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Discovery) as server:
        pair = authority.issue("localhost")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair.certificate, pair.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"https://localhost:{server.server_port}"
        server.shutdown()


class _Discovery(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        url = f"https://localhost:{self.server.server_port}"  # type: ignore[attr-defined]
        fields = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        document = {"issuer": url} | {field: f"{url}/{field}" for field in fields}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(document).encode())

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


async def test_is_believed_by_the_file(issuer: str, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    assert (await Issuer(_client(issuer)).metadata()).issuer == issuer


async def test_is_not_believed_without(issuer: str) -> None:
    with pytest.raises(SignInError, match="ConnectError"):
        await Issuer(_client(issuer)).metadata()


def _client(issuer: str) -> Client:
    return Client(issuer=issuer, client_id="tenantry", client_secret=None, redirect_uri="https://x/callback")
