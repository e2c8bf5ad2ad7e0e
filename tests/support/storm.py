"""A proxy before an API server that, while a storm lasts, answers most writes itself: with 409, 429 and 500 in turn; or
that takes calls and answers none.
"""

from __future__ import annotations

import http.client
import itertools
import json
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any, Final
from urllib.parse import urlsplit

import yaml

__all__ = ["Storm", "storm_before"]

_WRITES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
# One of five writes gets through.
_ANSWERS: Final = (
    (409, "Conflict"),
    (429, "TooManyRequests"),
    (500, "InternalError"),
    (503, "ServiceUnavailable"),
    None,
)


class Storm:
    """`raging` while it is set, silent while `answering` is not. `kubeconfig` leads through the proxy."""

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig
        self.raging, self.answering = Event(), Event()
        self.answering.set()
        self.refused = 0


@contextmanager
def storm_before(kubeconfig: Path, home: Path) -> Iterator[Storm]:
    """`kubeconfig` has a token and an authority, as those of `tests.support.apiserver` do."""
    config = yaml.safe_load(kubeconfig.read_text())
    cluster, token = config["clusters"][0]["cluster"], config["users"][0]["user"]["token"]
    storm = Storm(home / "storm.kubeconfig")
    upstream = urlsplit(cluster["server"]).netloc
    trust = ssl.create_default_context(cafile=cluster["certificate-authority"])
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(storm, upstream, trust, token))
    server.daemon_threads = True
    config["clusters"][0]["cluster"] = {"server": f"http://127.0.0.1:{server.server_port}"}
    storm.kubeconfig.write_text(yaml.safe_dump(config))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield storm
    finally:
        storm.answering.set()
        server.shutdown()
        server.server_close()


def _handler(storm: Storm, upstream: str, trust: ssl.SSLContext, token: str) -> type[BaseHTTPRequestHandler]:
    answers = itertools.cycle(_ANSWERS)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            storm.answering.wait()
            # Not for the Lease: whoever cannot renew it ends, and nobody starts it again here.
            struck = storm.raging.is_set() and self.command in _WRITES and "/leases" not in self.path
            answer = next(answers) if struck else None
            if answer:
                storm.refused += 1
                self.refuse(*answer)
            else:
                self.forward(body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815  the library's own names

        def refuse(self, status: int, reason: str) -> None:
            said = json.dumps({"kind": "Status", "code": status, "reason": reason, "message": "a storm"}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def forward(self, body: bytes) -> None:
            """What is streamed arrives as it comes: a watch says little in a long time."""
            upward = http.client.HTTPSConnection(upstream, context=trust, timeout=600)
            # Whoever watched, or was watched, may be gone.
            with closing(upward) as connection, suppress(ConnectionError, http.client.HTTPException):
                self.pass_on(connection, body)
            self.close_connection = True

        def pass_on(self, connection: http.client.HTTPSConnection, body: bytes) -> None:
            kept = {name: self.headers[name] for name in ("Accept", "Content-Type") if name in self.headers}
            connection.request(self.command, self.path, body or None, kept | {"Authorization": f"Bearer {token}"})
            answer = connection.getresponse()
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.getheader("Content-Type") or "application/json")
            self.send_header("Connection", "close")
            self.end_headers()
            while piece := answer.read1(65536):
                self.wfile.write(piece)
                self.wfile.flush()

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    return Handler
