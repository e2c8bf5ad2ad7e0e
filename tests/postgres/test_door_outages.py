"""What the door itself needs is away: its database, or the disk of its record."""

from __future__ import annotations

from pathlib import Path

import httpx2
import psutil

from tests.support.door import PROJECT, CatalogRows, bearer, door_settings
from tests.support.door_process import address_in, door_environment, door_process, ready_door, until_ready
from tests.support.postgres import PostgresServer
from tests.support.upstream import Upstream
from tests.support.wait import until

RUN = "/api/2.0/mlflow/runs/get?run_id=" + "a" * 32
CREATE = "/api/2.0/mlflow/runs/create"


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
    token, log = bearer(rows), tmp_path / "log"
    postgres_server.stop()
    with door_process(door_environment(door_settings(rows.catalog, tmp_path)), log):
        url = address_in(log)
        assert httpx2.get(f"{url}/healthz").status_code == 200
        told = httpx2.get(f"{url}/readyz").json()
        assert (told["ready"], list(told["reasons"])) == (False, ["catalog"])
        postgres_server.start()
        until_ready(url)
        assert httpx2.get(f"{url}{PROJECT}{RUN}", headers=token).status_code == 200


def test_without_a_record_nothing_is_forwarded(rows: CatalogRows, backend: Upstream, tmp_path: Path) -> None:
    """The log's disk is full: a file of a fixed size stands in for it."""
    token, log = bearer(rows), tmp_path / "log"
    with ready_door(door_environment(door_settings(rows.catalog, tmp_path)), log) as (url, process):
        base = f"{url}{PROJECT}"
        assert httpx2.post(f"{base}{CREATE}", json={"experiment_id": "1"}, headers=token).status_code == 200
        forwarded = len(backend.received)
        psutil.Process(process.pid).rlimit(psutil.RLIMIT_FSIZE, (0, 0))
        until(lambda: httpx2.get(f"{base}{RUN}", headers=token).status_code == 503, what="the refusal")
        until(lambda: "record" in httpx2.get(f"{url}/readyz").json()["reasons"], what="the reason")
        answer = httpx2.post(f"{base}{CREATE}", json={"experiment_id": "1"}, headers=token)
        assert (answer.status_code, answer.json()["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE")
        assert [sent.method for sent in backend.received[forwarded:]].count("POST") == 0
        assert httpx2.get(f"{url}/readyz").status_code == 503
