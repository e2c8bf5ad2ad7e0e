"""Backends that break off, clients that leave, artifacts that are large: what each looks like."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest

from tests.support.door import PROJECT, CatalogRows, bearer, client_of, door_settings
from tests.support.door_process import door_environment, ready_door
from tests.support.upstream import Handler, Upstream, json_answer
from tests.support.wait import until

RUN = "/api/2.0/mlflow/runs/get?run_id=" + "a" * 32
CREATE = "/api/2.0/mlflow/runs/create"
ARTIFACT = "/api/2.0/mlflow-artifacts/artifacts/1/" + "a" * 32 + "/artifacts/big.bin"
MIB = 2**20


@pytest.fixture
def door(rows: CatalogRows, backend: Upstream, tmp_path: Path) -> Iterator[httpx2.Client]:
    with client_of(rows, tmp_path, wake_timeout=2) as client:
        yield client


def events_of(rows: CatalogRows, count: int) -> list[dict[str, Any]]:
    return until(lambda: found if len(found := rows.events("vision")) >= count else None, what=f"{count} records")


def test_the_operator_learns_which_backends_are_in_use(door: httpx2.Client, rows: CatalogRows) -> None:
    door.get(RUN)
    until(lambda: rows.execute("SELECT 1 FROM catalog.demand WHERE used_at > now() - interval '9 s'"), deadline=6)


# ---------------------------------------------------------------- breaking off


def cut_before_the_answer(handler: Handler) -> None:
    handler.cut()


def cut_behind_its_head(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(4 * MIB))
    handler.end_headers()
    handler.cut()


def cut_within_the_answer(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(4 * MIB))
    handler.end_headers()
    handler.wfile.write(b"x" * MIB)
    handler.cut()


def cut_within_a_small_answer(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "100")
    handler.end_headers()
    handler.wfile.write(b"{")
    handler.cut()


@pytest.mark.parametrize("answer", [cut_before_the_answer, cut_behind_its_head, cut_within_a_small_answer])
@pytest.mark.parametrize(("method", "target", "body"), [("GET", RUN, None), ("POST", CREATE, {"experiment_id": "1"})])
def test_a_backend_that_breaks_off_is_a_502_and_is_not_asked_twice(  # noqa: PLR0917
    door: httpx2.Client, backend: Upstream, rows: CatalogRows, answer: Any, method: str, target: str, body: Any
) -> None:
    backend.answer = answer
    got = door.request(method, target, json=body)
    assert (got.status_code, got.json()["error_code"]) == (502, "INTERNAL_ERROR")
    assert len(backend.received) == 1
    end = events_of(rows, 2)[-1]
    assert (end["stage"], end["status"], end["completed"]) == ("outcome", 502, False)


def test_an_upload_is_not_sent_again_over_a_connection_that_turned_out_dead(
    door: httpx2.Client, backend: Upstream
) -> None:
    door.get(RUN)
    backend.answer = cut_before_the_answer
    got = door.put(ARTIFACT, content=b"x" * 100)
    assert (got.status_code, [sent.method for sent in backend.received]) == (502, ["GET", "PUT"])


def test_an_answer_cut_in_the_middle_is_cut_for_the_client_too_and_recorded_so(
    door: httpx2.Client, backend: Upstream, rows: CatalogRows
) -> None:
    backend.answer = cut_within_the_answer
    with door.stream("GET", ARTIFACT) as answer:
        got = received_before_the_cut(answer)
    assert got == MIB
    end = events_of(rows, 2)[-1]
    assert (end["status"], end["completed"], end["bytes_out"]) == (200, False, MIB)


def test_a_client_that_leaves_in_the_middle_is_recorded_with_the_bytes_that_it_got(
    door: httpx2.Client, backend: Upstream, rows: CatalogRows
) -> None:
    backend.answer = endless
    with door.stream("GET", ARTIFACT) as answer:
        next(answer.iter_raw())
    end = events_of(rows, 2)[-1]
    assert (end["status"], end["completed"]) == (200, False)
    assert end["bytes_out"] > 0


def test_a_client_that_leaves_within_its_upload_is_recorded_as_gone(
    door: httpx2.Client, backend: Upstream, rows: CatalogRows
) -> None:
    head = f"PUT {door.base_url.raw_path.decode()}{ARTIFACT[1:]} HTTP/1.1\r\nHost: x\r\nContent-Length: {MIB}\r\n"
    with socket.create_connection((door.base_url.host, door.base_url.port)) as client:
        client.sendall(f"{head}Authorization: {door.headers['authorization']}\r\n\r\n".encode() + b"x" * 1000)
        events_of(rows, 1)
    end = events_of(rows, 2)[-1]
    assert (end["stage"], end["status"], end["completed"], end["bytes_in"]) == ("outcome", 499, False, 1000)


def received_before_the_cut(answer: httpx2.Response) -> int:
    got, chunks = 0, answer.iter_raw()
    try:
        while True:
            got += len(next(chunks))
    except httpx2.RemoteProtocolError:
        return got


def endless(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(1024 * MIB))
    handler.end_headers()
    for _ in range(1024):
        handler.wfile.write(b"x" * MIB)


# ---------------------------------------------------------------- memory


def test_memory_does_not_grow_with_the_size_of_an_artifact(
    rows: CatalogRows, backend: Upstream, tmp_path: Path
) -> None:
    size = 256 * MIB
    token, log = bearer(rows), tmp_path / "log"
    with ready_door(door_environment(door_settings(rows.catalog, tmp_path)), log) as (url, process):
        artifact = f"{url}{PROJECT}{ARTIFACT}"
        httpx2.get(f"{url}{PROJECT}{RUN}", headers=token)
        memory = psutil.Process(process.pid)
        before, seen = memory.memory_info().rss, []

        backend.answer, backend.reads = swallowing, False
        sent_headers = token | {"Content-Length": str(size)}
        sent = httpx2.put(artifact, content=pieces(size, memory, seen), headers=sent_headers, timeout=60)
        assert (sent.status_code, backend.received[-1].headers["content-length"]) == (200, str(size))

        backend.answer = endless_of(size)
        got = 0
        with httpx2.stream("GET", artifact, headers=token, timeout=60) as answer:
            for chunk in answer.iter_raw(MIB):
                got += len(chunk)
                seen.append(memory.memory_info().rss)
    assert got == size
    assert max(seen) - before < 64 * MIB, f"{(max(seen) - before) / MIB:.0f} MiB"


def pieces(size: int, memory: psutil.Process, seen: list[int]) -> Iterator[bytes]:
    piece = b"x" * MIB
    for _ in range(size // MIB):
        seen.append(memory.memory_info().rss)
        yield piece


def swallowing(handler: Handler) -> None:
    left = int(handler.headers["content-length"])
    while left:
        left -= len(handler.rfile.read(min(left, MIB)))
    json_answer(b"{}")(handler)


def endless_of(size: int) -> Any:
    def answer(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(size))
        handler.end_headers()
        for _ in range(size // MIB):
            handler.wfile.write(b"x" * MIB)

    return answer
