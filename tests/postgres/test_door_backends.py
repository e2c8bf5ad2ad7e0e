"""Backends that sleep, refuse or break off, clients that leave, a database that is away: what each looks like."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest

from tests.support.door import CatalogRows, door_environment, door_settings, running_door
from tests.support.postgres import CatalogDatabase, PostgresServer
from tests.support.upstream import Handler, Upstream, json_answer, upstream
from tests.support.wait import until

ALICE = "alice@example.org"
RUN = "/api/2.0/mlflow/runs/get?run_id=" + "a" * 32
CREATE = "/api/2.0/mlflow/runs/create"
ARTIFACT = "/api/2.0/mlflow-artifacts/artifacts/1/" + "a" * 32 + "/artifacts/big.bin"
MIB = 2**20


@pytest.fixture
def rows(catalog: CatalogDatabase) -> CatalogRows:
    rows = CatalogRows(catalog)
    rows.project("vision", "segmentation")
    rows.grant("vision", "contributor", ALICE)
    return rows


@pytest.fixture
def backend(rows: CatalogRows) -> Iterator[Upstream]:
    with upstream() as running:
        rows.backend("vision", "segmentation", running.address)
        yield running


@contextmanager
def client_of(rows: CatalogRows, directory: Path, **settings: object) -> Iterator[httpx2.Client]:
    headers = {"Authorization": f"Bearer {rows.token(ALICE)}"}
    with (
        running_door(door_settings(rows.catalog, directory, **settings)) as url,
        httpx2.Client(base_url=f"{url}/w/vision/p/segmentation", headers=headers, timeout=30) as client,
    ):
        yield client


@pytest.fixture
def door(rows: CatalogRows, backend: Upstream, tmp_path: Path) -> Iterator[httpx2.Client]:
    with client_of(rows, tmp_path, wake_timeout=2) as client:
        yield client


def events_of(rows: CatalogRows, count: int) -> list[dict[str, Any]]:
    return until(lambda: found if len(found := rows.events("vision")) >= count else None, what=f"{count} records")


# ---------------------------------------------------------------- waking


def test_a_request_to_a_sleeping_backend_asks_for_it_and_waits(rows: CatalogRows, tmp_path: Path) -> None:
    rows.backend("vision", "segmentation", None)
    with upstream() as sleeper, client_of(rows, tmp_path) as door, asking(door, RUN) as answers:
        until(lambda: rows.execute("SELECT 1 FROM catalog.demand WHERE wanted_at IS NOT NULL"), what="the demand")
        assert answers == []
        rows.backend("vision", "segmentation", sleeper.address)
        until(lambda: answers, what="the answer")
        assert answers[0].status_code == 200


def test_a_backend_that_does_not_start_is_a_503_in_the_operators_words(rows: CatalogRows, tmp_path: Path) -> None:
    rows.backend("vision", "segmentation", None)
    rows.execute("UPDATE catalog.backend SET state = 'failed', message = 'The database refuses its role.'")
    with client_of(rows, tmp_path, wake_timeout=0.3) as door:
        for answer in (door.get(RUN), door.post(CREATE, json={"experiment_id": "1"})):
            assert answer.status_code == 503
            assert "The database refuses its role." in answer.json()["message"]
            assert answer.headers["retry-after"] == "2"
        ends = [event for event in events_of(rows, 4) if event["stage"] == "outcome"]
        assert [(end["status"], end.get("completed", False)) for end in ends] == [(503, False), (503, False)]


def test_a_refused_connection_is_a_wake_and_another_try(
    door: httpx2.Client, backend: Upstream, rows: CatalogRows
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}"
    rows.backend("vision", "segmentation", nobody)
    with asking(door, CREATE, json={"experiment_id": "1"}) as answers:
        until(lambda: rows.execute("SELECT 1 FROM catalog.demand WHERE wanted_at IS NOT NULL"), what="the demand")
        rows.backend("vision", "segmentation", backend.address)
        until(lambda: answers, what="the answer")
    assert (answers[0].status_code, len(backend.received)) == (200, 1)


def test_the_operator_learns_which_backends_are_in_use(door: httpx2.Client, rows: CatalogRows) -> None:
    door.get(RUN)
    until(lambda: rows.execute("SELECT 1 FROM catalog.demand WHERE used_at > now() - interval '9 s'"), deadline=6)


# ---------------------------------------------------------------- breaking off


def cut_before_the_answer(handler: Handler) -> None:
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


@pytest.mark.parametrize("answer", [cut_before_the_answer, cut_within_a_small_answer])
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


# ---------------------------------------------------------------- what the door itself needs


def test_without_the_database_nothing_is_allowed_and_it_recovers_by_itself(
    door: httpx2.Client, backend: Upstream, rows: CatalogRows, postgres_server: PostgresServer
) -> None:
    assert door.get(RUN).status_code == 200
    postgres_server.stop()
    refused = until(lambda: answer if (answer := door.get(RUN)).status_code == 503 else None, deadline=5)
    assert (refused.json()["error_code"], refused.headers["retry-after"]) == ("TEMPORARILY_UNAVAILABLE", "2")
    asked = len(backend.received)
    assert door.post(CREATE, json={"experiment_id": "1"}).status_code == 503
    assert len(backend.received) == asked
    postgres_server.start()
    until(lambda: door.get(RUN).status_code == 200, deadline=10, what="recovery")


def test_a_door_starts_without_the_database_and_opens_when_it_comes(
    rows: CatalogRows, backend: Upstream, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    token = rows.token(ALICE)
    postgres_server.stop()
    with door_process(rows, tmp_path) as (url, _):
        assert httpx2.get(f"{url}/healthz").status_code == 200
        told = httpx2.get(f"{url}/readyz").json()
        assert (told["ready"], list(told["reasons"])) == (False, ["catalog"])
        postgres_server.start()
        until(lambda: httpx2.get(f"{url}/readyz").status_code == 200, deadline=10, what="readiness")
        got = httpx2.get(f"{url}/w/vision/p/segmentation{RUN}", headers={"Authorization": f"Bearer {token}"})
        assert got.status_code == 200


def test_without_a_record_nothing_is_forwarded(rows: CatalogRows, backend: Upstream, tmp_path: Path) -> None:
    """The log's disk is full: a file of a fixed size stands in for it."""
    token = {"Authorization": f"Bearer {rows.token(ALICE)}"}
    with door_process(rows, tmp_path) as (url, process):
        base = f"{url}/w/vision/p/segmentation"
        assert httpx2.post(f"{base}{CREATE}", json={"experiment_id": "1"}, headers=token).status_code == 200
        forwarded = len(backend.received)
        psutil.Process(process.pid).rlimit(psutil.RLIMIT_FSIZE, (0, 0))
        until(lambda: httpx2.get(f"{base}{RUN}", headers=token).status_code == 503, what="the refusal")
        answer = httpx2.post(f"{base}{CREATE}", json={"experiment_id": "1"}, headers=token)
        assert (answer.status_code, answer.json()["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE")
        assert [sent.method for sent in backend.received[forwarded:]].count("POST") == 0
        told = httpx2.get(f"{url}/readyz")
        assert (told.status_code, list(told.json()["reasons"])) == (503, ["record"])


# ---------------------------------------------------------------- memory


def test_memory_does_not_grow_with_the_size_of_an_artifact(
    rows: CatalogRows, backend: Upstream, tmp_path: Path
) -> None:
    size = 256 * MIB
    token = {"Authorization": f"Bearer {rows.token(ALICE)}"}
    with door_process(rows, tmp_path) as (url, process):
        artifact = f"{url}/w/vision/p/segmentation{ARTIFACT}"
        httpx2.get(f"{url}/w/vision/p/segmentation{RUN}", headers=token)
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


# ---------------------------------------------------------------- helpers


@contextmanager
def asking(door: httpx2.Client, target: str, **arguments: Any) -> Iterator[list[httpx2.Response]]:
    """A request under way in a thread; its answer is in the list when it came."""
    answers: list[httpx2.Response] = []
    method = "POST" if arguments else "GET"
    thread = threading.Thread(target=lambda: answers.append(door.request(method, target, **arguments)))
    thread.start()
    try:
        yield answers
    finally:
        thread.join(timeout=30)


@contextmanager
def door_process(rows: CatalogRows, directory: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The door as it runs in earnest: `python -m tenantry_api`, settings from the environment."""
    environment = door_environment(door_settings(rows.catalog, directory))
    log = directory / "door.log"
    with log.open("wb") as output:
        process = subprocess.Popen([sys.executable, "-m", "tenantry_api"], env=environment, stderr=output)
    try:
        found = until(lambda: re.search(r'"url": "(http://[^"]+)"', log.read_text()), deadline=30, what="the door")
        yield found[1], process
    finally:
        process.terminate()
        assert process.wait(timeout=20) == 0, log.read_text()
