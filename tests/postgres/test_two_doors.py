"""Two doors on one catalog, with directories of their own: nothing else is shared, and one can do without the other."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest

from tenantry_api.audit.checkpoint import open_checkpoint
from tenantry_api.audit.keys import load_signing_key, verifier
from tenantry_api.audit.note import VerifierKey
from tenantry_api.settings import Settings
from tests.support.door import PROJECT, CatalogRows, bearer, door_settings, running_door
from tests.support.upstream import Upstream
from tests.support.wait import until

CREATE = f"{PROJECT}/api/2.0/mlflow/runs/create"
PROMISED = 1.0


class Doors:
    """`urls` of two doors that run; `settings` of each, with one signing key for both."""

    def __init__(self, rows: CatalogRows, directory: Path) -> None:
        first, second = directory / "door-0", directory / "door-1"
        for folder in (first, second):
            folder.mkdir()
        settings = door_settings(rows.catalog, first)
        own = {"record_directory": second / "record", "checkpoint_directory": second / "checkpoints"}
        self.settings: tuple[Settings, Settings] = (settings, settings.model_copy(update=own))
        self.stacks = (ExitStack(), ExitStack())
        self.urls = [
            stack.enter_context(running_door(own)) for stack, own in zip(self.stacks, self.settings, strict=True)
        ]
        self.headers = bearer(rows)

    def create(self, nth: int, *, times: int = 1) -> list[int]:
        with httpx2.Client(headers=self.headers, timeout=30) as client:
            url = f"{self.urls[nth]}{CREATE}"
            return [client.post(url, json={"experiment_id": "1"}).status_code for _ in range(times)]

    def kept(self, nth: int, name: str) -> bytes:
        path = self.settings[nth].checkpoints / name
        return path.read_bytes() if path.exists() else b""

    def stop(self, nth: int) -> None:
        self.stacks[nth].close()


@pytest.fixture
def doors(rows: CatalogRows, backend: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Doors]:
    monkeypatch.setattr("tenantry_api.audit.signer._EVERY_SECONDS", 0.1)
    monkeypatch.setattr("tenantry_api.record.roll._EVERY_SECONDS", 0.1)
    running = Doors(rows, tmp_path)
    yield running
    for nth in range(2):
        running.stop(nth)


def test_what_both_recorded_is_in_the_log_once(doors: Doors, rows: CatalogRows) -> None:
    for _ in range(5):
        for nth in range(2):
            assert doors.create(nth, times=4) == [200] * 4
    until(lambda: len(rows.events("vision")) == 80, what="two records of each request")
    begun = [event["id"] for event in rows.events("vision") if event["stage"] == "intent"]
    assert len(set(begun)) == 40
    spools = rows.execute("SELECT count(*) FROM audit.spool WHERE position > 0")
    assert spools == [(2,)]


def test_each_door_verifies_and_keeps_all_that_any_of_them_recorded(doors: Doors, rows: CatalogRows) -> None:
    doors.create(0, times=3)
    until(lambda: len(rows.events("vision")) == 6, what="the records")
    leaves = b"".join(
        hashlib.sha256(b"\0" + bytes(leaf)).digest()  # type: ignore[arg-type]
        for (leaf,) in rows.execute("SELECT leaf FROM audit.event WHERE log = 'vision' ORDER BY index")
    )
    for nth in range(2):
        until(lambda nth=nth: doors.kept(nth, "vision.leaves") == leaves, what=f"the hashes of door {nth}")  # type: ignore[misc]
    key = verifier(load_signing_key(doors.settings[0].signing_key_file))
    for nth in range(2):
        until(lambda nth=nth: signed_size(doors, nth, key) == 6, what=f"the checkpoint of door {nth}")  # type: ignore[misc]
    assert doors.kept(0, "vision.checkpoint") == doors.kept(1, "vision.checkpoint")
    stored = rows.execute("SELECT size FROM audit.checkpoint WHERE log = 'vision' ORDER BY size")
    assert len(stored) == len(set(stored))


def signed_size(doors: Doors, nth: int, key: VerifierKey) -> int:
    note = doors.kept(nth, "vision.checkpoint")
    return open_checkpoint(note, key).size if note else 0


def test_what_one_door_signed_is_held_against_the_database_by_the_other(doors: Doors, rows: CatalogRows) -> None:
    """The door that recorded is gone with its disk; who owns the database edits, and covers it up."""
    doors.create(0)
    until(lambda: len(doors.kept(1, "vision.leaves")) == 64, what="the other door's hashes")
    doors.stop(0)
    rows.execute("ALTER TABLE audit.event DISABLE TRIGGER ALL")
    rows.execute("ALTER TABLE audit.checkpoint DISABLE TRIGGER ALL")
    rows.execute("DELETE FROM audit.checkpoint")
    rows.execute("DELETE FROM audit.event WHERE log = 'vision'")
    rows.execute("UPDATE audit.log SET size = 0, frontier = '{}' WHERE name = 'vision'")
    until(lambda: "signing" in httpx2.get(f"{doors.urls[1]}/readyz").json()["reasons"], what="the finding")


@pytest.mark.parametrize(("at", "felt_at"), [(0, 1), (1, 0)])
def test_a_token_that_is_revoked_at_one_door_is_refused_at_the_other(doors: Doors, at: int, felt_at: int) -> None:
    made = httpx2.get(f"{doors.urls[at]}/api/v1/tokens", headers=doors.headers).json()["tokens"]
    assert doors.create(felt_at) == [200]
    answer = httpx2.delete(f"{doors.urls[at]}/api/v1/tokens/{made[0]['id']}", headers=doors.headers)
    assert answer.status_code == 204
    until(lambda: doors.create(felt_at) == [401], deadline=PROMISED, what="the refusal")


def test_a_door_that_died_with_records_is_told_by_the_others(doors: Doors, rows: CatalogRows) -> None:
    def reasons() -> dict[str, str]:
        answer = httpx2.get(f"{doors.urls[0]}/readyz")
        assert answer.status_code == 200
        return dict(answer.json()["reasons"])

    died = "INSERT INTO audit.spool (id, position, door, seen_at) VALUES (gen_random_uuid(), 7, 'door-7', now() - {})"
    rows.execute(died.format("interval '4 minutes'"))
    assert reasons() == {}
    rows.execute(died.format("interval '6 minutes'"))
    until(lambda: list(reasons()) == ["doors"], what="the notice")
    assert "door-7" not in str(reasons())
    assert "tenantry_doors_absent 1.0" in httpx2.get(f"{doors.urls[0]}/metrics").text
    rows.execute("UPDATE audit.spool SET drained_at = now() WHERE door = 'door-7'")
    until(lambda: reasons() == {}, what="the end of the notice")


def test_a_door_that_stops_in_order_is_missed_by_nobody(doors: Doors, rows: CatalogRows) -> None:
    doors.create(1)
    doors.stop(1)
    (drained,) = rows.execute("SELECT count(*) FROM audit.spool WHERE drained_at IS NOT NULL")
    assert drained == (1,)
