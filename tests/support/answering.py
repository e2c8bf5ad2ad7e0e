"""Backends that answer, where no pod runs: one server on loopback for all, which knows each one's secret."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from tests.support.apiserver import ApiServer

__all__ = ["answering_backends"]


@contextmanager
def answering_backends(server: ApiServer) -> Iterator[int]:
    """The port. `tests/support/cluster_names` makes a program find it under the names of Services."""
    backends = ThreadingHTTPServer(("127.0.0.1", 0), _handler(server))
    backends.daemon_threads = True
    Thread(target=backends.serve_forever, daemon=True).start()
    try:
        yield backends.server_port
    finally:
        backends.shutdown()
        backends.server_close()


def _handler(server: ApiServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            name, namespace, _ = self.headers["Host"].split(".", 2)
            secret = _secret(server, namespace, name)
            self.send_response(200 if self.headers["X-Tenantry-Backend-Secret"] == secret else 403)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    return Handler


def _secret(server: ApiServer, namespace: str, name: str) -> str:
    found = server.ask("GET", f"/api/v1/namespaces/{namespace}/secrets/{name}").body
    return str(json.loads(base64.b64decode(found["data"]["settings.json"]))["secret"])
