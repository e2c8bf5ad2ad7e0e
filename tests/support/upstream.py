"""A backend that does as it is told: what the door does when a server is slow, gone, or cut off in the middle."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType

__all__ = ["Received", "Upstream", "json_answer", "sends", "upstream"]


@dataclass(frozen=True)
class Received:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes


Answer = Callable[["Handler"], None]


@dataclass
class Upstream:
    """`answer` is called for each request with the handler, after its body was read unless `reads` is False."""

    address: str = ""
    answer: Answer = field(default_factory=lambda: json_answer(b"{}"))
    reads: bool = True
    received: list[Received] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        upstream = self.server.upstream
        length = int(self.headers.get("content-length", 0)) if upstream.reads else 0
        headers = {name.lower(): value for name, value in self.headers.items()}
        upstream.received.append(Received(self.command, self.path, headers, self.rfile.read(length)))
        upstream.answer(self)
        self.wfile.flush()

    def cut(self) -> None:
        """End the connection here, in the middle of whatever it was."""
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    upstream: Upstream

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # A door that hangs up is what some tests are about.


def sends(body: bytes, status: int = 200, headers: Mapping[str, str] = MappingProxyType({})) -> Answer:
    def answer(handler: Handler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def json_answer(body: bytes, status: int = 200) -> Answer:
    return sends(body, status, {"Content-Type": "application/json"})


@contextmanager
def upstream(port: int = 0) -> Iterator[Upstream]:
    with Server(("127.0.0.1", port), Handler) as server:
        server.upstream = Upstream(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.upstream
        finally:
            server.shutdown()
            thread.join()
