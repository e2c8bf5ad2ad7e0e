"""What a door tells of itself: it is unready for what it alone lacks, and names nobody.

What all doors share would take them out of the Service together, and leave nobody to say why.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest

from tenantry_api.audit.tree import leaf_hash
from tenantry_api.identify.secrets import new_token
from tests.support.door import CatalogRows, door_settings, running_door
from tests.support.postgres import PostgresServer
from tests.support.wait import until


@pytest.fixture
def door(rows: CatalogRows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr("tenantry_api.audit.signer._EVERY_SECONDS", 0.05)
    with running_door(door_settings(rows.catalog, tmp_path)) as url:
        yield url


def reasons(door: str) -> list[str]:
    """The checks that fail, after whatever is known was seen."""
    answer = httpx2.get(f"{door}/readyz")
    told = answer.json()
    assert (answer.status_code, told["ready"]) == (200, True), "requests are still on record before they are answered"
    assert "clinic" not in answer.text
    return list(told["reasons"])


def figure(door: str, name: str) -> float:
    lines = httpx2.get(f"{door}/metrics").text.splitlines()
    (value,) = (line.split()[1] for line in lines if line.startswith(f"{name} "))
    return float(value)


def test_a_database_put_back_to_another_state_stops_the_copying(door: str, rows: CatalogRows) -> None:
    assert (reasons(door), figure(door, "tenantry_record_shipping")) == ([], 1)
    until(lambda: rows.execute("UPDATE audit.spool SET position = 1000000000 RETURNING 1"), what="the spool")
    httpx2.get(f"{door}/api/v1/me")
    until(lambda: reasons(door) == ["shipping"], what="the door to notice")
    assert figure(door, "tenantry_record_shipping") == 0


def test_a_log_that_is_not_what_it_says_is_told_until_it_is_put_right(door: str, rows: CatalogRows) -> None:
    rows.execute("INSERT INTO audit.log (name, size, frontier) VALUES ('clinic', 1, %s)", [leaf_hash(b"{}")])
    until(lambda: reasons(door) == ["signing"], what="the door to notice")
    assert figure(door, "tenantry_logs_unsigned") == 1
    rows.execute(
        "INSERT INTO audit.event (log, index, leaf, event_id, time, stage, actor, operation) "
        "VALUES ('clinic', 0, '{}', %s, now(), 'notice', 'a', 'o')",
        uuid4(),
    )
    until(lambda: reasons(door) == [], what="the door to notice")
    assert figure(door, "tenantry_logs_unsigned") == 0


# For whom each address is: programs of MLflow, programs of our own, people.
ANSWERED = {"MLflow": "/w/vision/p/segmentation/version", "the API": "/api/v1/me", "a page": "/"}


@pytest.mark.parametrize("how", ["stop", "hang"])
def test_a_database_that_goes_away_leaves_the_door_ready_to_say_so(
    door: str, rows: CatalogRows, postgres_server: PostgresServer, how: str
) -> None:
    sent = {"Authorization": f"Bearer {new_token()}", "Cookie": "tenantry_session=of-nobody"}
    with postgres_server.away(how):
        assert httpx2.get(f"{door}/api/v1/me", headers=sent, timeout=15).status_code == 503, "before it is noticed"
        until(lambda: reasons(door) == ["catalog"], what="the door to notice")
        assert figure(door, "tenantry_catalog_fresh") == 0
        assert httpx2.get(f"{door}/healthz").status_code == 200
        for name, path in ANSWERED.items():
            answer = httpx2.get(f"{door}{path}", headers=sent)
            assert (name, answer.status_code, answer.headers.get("retry-after")) == (name, 503, "2"), answer.text
    until(lambda: reasons(door) == [], what="the door to notice")
