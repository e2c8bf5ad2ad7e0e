"""The operator's pages: whether it lives, whether it is ready, and its figures. Nothing secret is on them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

__all__ = ["Health"]

_SECONDS: Final = 5

Checks = Callable[[], Mapping[str, bool]]


class Health:
    """`/healthz` fails when one of `alive` is false, and whoever then restarts the operator is right; `/readyz` when
    one of `ready` is; `/metrics` is for Prometheus.
    """

    def __init__(self, listen: str, registry: CollectorRegistry, *, alive: Checks, ready: Checks) -> None:
        host, _, port = listen.rpartition(":")
        pages = {"/healthz": _judge(alive), "/readyz": _judge(ready), "/metrics": _figures(registry)}
        self._server = ThreadingHTTPServer((host.strip("[]"), int(port)), _handler(pages))
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, name="health", daemon=True)

    @property
    def port(self) -> int:
        return self._server.server_port

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


Page = Callable[[], tuple[int, str, bytes]]


def _judge(checks: Checks) -> Page:
    def page() -> tuple[int, str, bytes]:
        found = dict(checks())
        return 200 if all(found.values()) else 503, "application/json", json.dumps(found).encode()

    return page


def _figures(registry: CollectorRegistry) -> Page:
    return lambda: (200, CONTENT_TYPE_LATEST, generate_latest(registry))


def _handler(pages: Mapping[str, Page]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        # For whoever connects and says nothing: each has a thread.
        timeout = _SECONDS

        def do_GET(self) -> None:  # noqa: N802  the library's own name
            page = pages.get(self.path)
            status, kind, body = page() if page else (404, "text/plain", b"no such page\n")
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Probes each few seconds are no news."""

    return Handler
