"""The smallest client that keeps a connection: what is measured is the server."""

from __future__ import annotations

import http.client
import json
import time
from types import TracebackType
from typing import Any, Self

__all__ = ["Client"]


class Client:
    def __init__(self, host: str, port: int, prefix: str = "", headers: dict[str, str] | None = None) -> None:
        self._connection = http.client.HTTPConnection(host, port, timeout=120)
        self._prefix = prefix
        self._headers = headers or {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._connection.close()

    def get(self, path: str) -> Any:
        return self._ask("GET", path, None)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return self._ask("POST", path, json.dumps(body).encode())

    def timed_get(self, path: str) -> float:
        """Milliseconds."""
        begun = time.perf_counter()
        self.get(path)
        return 1000 * (time.perf_counter() - begun)

    def timed_post(self, path: str, body: dict[str, Any]) -> float:
        begun = time.perf_counter()
        self.post(path, body)
        return 1000 * (time.perf_counter() - begun)

    def _ask(self, method: str, path: str, body: bytes | None) -> Any:
        headers = dict(self._headers)
        if body is not None:
            headers["Content-Type"] = "application/json"
        self._connection.request(method, self._prefix + path, body, headers)
        answer = self._connection.getresponse()
        data = answer.read()
        if answer.status != http.HTTPStatus.OK:
            raise RuntimeError(f"{method} {path}: {answer.status} {data[:500]!r}")
        return json.loads(data)
