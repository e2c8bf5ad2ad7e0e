"""A proxy that passes everything on and remembers it: what a client really sends, byte for byte."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

__all__ = ["Answer", "Exchange", "Recording", "recording_proxy", "send"]

_HOP_BY_HOP = frozenset({"connection", "content-length", "date", "keep-alive", "server", "transfer-encoding"})


@dataclass(frozen=True)
class Answer:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True)
class Exchange:
    """One request as it came, and its answer. `headers` are as ASGI has them: bytes, names in lower case."""

    method: str
    path: bytes
    query: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    answer: Answer


@dataclass
class Recording:
    url: str
    exchanges: list[Exchange] = field(default_factory=list)


def send(upstream: str, method: str, target: str, headers: dict[str, str], body: bytes | None) -> Answer:
    """One request, nothing added but Host and Content-Length."""
    connection = http.client.HTTPConnection(urlsplit(upstream).netloc, timeout=60)
    try:
        connection.request(method, target, body=body, headers=headers)
        response = connection.getresponse()
        return Answer(response.status, tuple(response.getheaders()), response.read())
    finally:
        connection.close()


@contextmanager
def recording_proxy(upstream: str, seen: Callable[[Exchange], None] = lambda _: None) -> Iterator[Recording]:
    """Listens on a free port of loopback. `seen` is called with each exchange before the client has its answer."""
    recording = Recording("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def pass_on(self) -> None:
            body = self._chunks() if "transfer-encoding" in self.headers else self._sized()
            passed = {name: value for name, value in self.headers.items() if name.lower() not in {"host", *_HOP_BY_HOP}}
            answer = send(upstream, self.command, self.path, passed, body or None)
            path, _, query = self.path.partition("?")
            headers = tuple((name.lower().encode(), value.encode("latin-1")) for name, value in self.headers.items())
            exchange = Exchange(self.command, path.encode(), query.encode(), headers, body, answer)
            recording.exchanges.append(exchange)
            seen(exchange)
            self._answer(answer)

        def _sized(self) -> bytes:
            return self.rfile.read(int(self.headers.get("content-length", "0")))

        def _chunks(self) -> bytes:
            read = []
            while size := int(self.rfile.readline(), 16):
                read.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(read)

        def _answer(self, answer: Answer) -> None:
            self.send_response_only(answer.status)
            for name, value in answer.headers:
                if name.lower() not in _HOP_BY_HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Nothing: the recording is the log."""

    for method in ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"):
        setattr(Handler, f"do_{method}", Handler.pass_on)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    recording.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield recording
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
