"""One gibibyte up and down through the door, while its memory is watched."""

from __future__ import annotations

import hashlib
import http.client
import threading
import time
from collections.abc import Iterator
from typing import Self

import psutil

from bench.report import Figure, at_most
from bench.site import Site

__all__ = ["measure_artifact"]

_SIZE, _PIECE = 2**30, 2**20
_PATH = "/api/2.0/mlflow-artifacts/artifacts/bench/large.bin"


def measure_artifact(site: Site, token: str) -> list[Figure]:
    headers = {"Authorization": f"Bearer {token}"}
    path = site.path("segmentation") + _PATH
    with _Watched(site.machine.processes()["door"]) as watched:
        begun = time.monotonic()
        sent = _put(site.port, path, headers)
        up = time.monotonic() - begun
        received = _get(site.port, path, headers)
        down = time.monotonic() - begun - up
    if sent != received:
        raise RuntimeError("what came back is not what was sent")
    megabytes = _SIZE / 1e6
    return [
        Figure("1 GiB artifact up", f"{up:.1f} s, {megabytes / up:.0f} MB/s"),
        Figure("1 GiB artifact down", f"{down:.1f} s, {megabytes / down:.0f} MB/s"),
        at_most("growth of the door meanwhile", watched.growth / 2**20, 64, "MiB"),
    ]


def _put(port: int, path: str, headers: dict[str, str]) -> str:
    digest = hashlib.sha256()

    def pieces() -> Iterator[bytes]:
        for number in range(_SIZE // _PIECE):
            piece = number.to_bytes(8, "big") * (_PIECE // 8)
            digest.update(piece)
            yield piece

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    connection.request("PUT", path, pieces(), {**headers, "Content-Length": str(_SIZE)})
    _expect_ok(connection.getresponse()).read()
    connection.close()
    return digest.hexdigest()


def _get(port: int, path: str, headers: dict[str, str]) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    connection.request("GET", path, headers=headers)
    answer = _expect_ok(connection.getresponse())
    digest = hashlib.sha256()
    while piece := answer.read(_PIECE):
        digest.update(piece)
    connection.close()
    return digest.hexdigest()


def _expect_ok(answer: http.client.HTTPResponse) -> http.client.HTTPResponse:
    if answer.status != http.HTTPStatus.OK:
        raise RuntimeError(f"{answer.status}: {answer.read()[:500]!r}")
    return answer


class _Watched:
    """How much the process's resident memory grew at most between entering and leaving."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._before = self._most = self._process.memory_info().rss

    @property
    def growth(self) -> int:
        return self._most - self._before

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.02):
            self._most = max(self._most, self._process.memory_info().rss)
