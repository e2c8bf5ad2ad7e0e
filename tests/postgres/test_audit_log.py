"""Checkpoints, search and exports over a real catalog, and what happens to one that somebody edits."""

from __future__ import annotations

import asyncio
import zipfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import orjson
import psycopg
import pytest
from uuid_utils.compat import uuid7

from tenantry_api.audit.bundle import Bundle
from tenantry_api.audit.checkpoint import open_checkpoint
from tenantry_api.audit.keys import verifier
from tenantry_api.audit.log import AuditLog
from tenantry_api.audit.note import read_key
from tenantry_api.audit.search import Query
from tenantry_api.audit.verify import Report, verify
from tenantry_api.record.event import Head, Stage
from tenantry_api.record.recorder import Recorder
from tenantry_api.record.shipper import Shipper
from tests.support.postgres import CatalogDatabase
from tests.support.record import ALICE, CLIENT, KEY, an_intent, an_outcome
from tests.support.wait import until_async


@dataclass(frozen=True)
class Door:
    """What a door does for the record."""

    directory: Path
    recorder: Recorder
    shipper: Shipper
    audit: AuditLog

    async def record(self, first: int, stop: int) -> None:
        for nth in range(first, stop):
            await self.recorder.write(an_intent(nth))
            self.recorder.write_soon(an_outcome(an_intent(nth)))

    async def export(self, name: str = "export.zip") -> Path:
        path = self.directory / name
        pieces = await self.audit.export(Head(uuid7(), datetime.now(UTC), "vision", ALICE, CLIENT))
        path.write_bytes(b"".join([piece async for piece in pieces]))
        return path

    async def checked(self, since: bytes | None = None) -> Report:
        return verify(Bundle(await self.export()), verifier(KEY, "example.org/vision"), since)

    def published(self) -> bytes:
        return (self.directory / "checkpoints" / "vision.checkpoint").read_bytes()


@asynccontextmanager
async def _door(catalog: CatalogDatabase, directory: Path) -> AsyncIterator[Door]:
    recorder = Recorder(directory / "record")
    await recorder.start()
    shipper = Shipper(recorder, catalog.api_url)
    await shipper.start()
    audit = AuditLog(
        catalog_url=catalog.api_url,
        key=KEY,
        origin="example.org",
        directory=directory / "checkpoints",
        recorder=recorder,
        shipper=shipper,
    )
    await audit.start()
    try:
        yield Door(directory, recorder, shipper, audit)
    finally:
        await audit.stop()
        await shipper.stop()
        await recorder.stop()


def _tamper(catalog: CatalogDatabase, *statements: str) -> None:
    """As somebody who owns the database can."""
    with psycopg.connect(catalog.owner_url, autocommit=True) as connection:
        for table in ("event", "checkpoint"):
            connection.execute(f"ALTER TABLE audit.{table} DISABLE TRIGGER ALL")
        for statement in statements:
            connection.execute(statement.encode())


async def test_an_export_holds_all_that_was_acknowledged_and_itself(catalog: CatalogDatabase, tmp_path: Path) -> None:
    async with _door(catalog, tmp_path) as door:
        await door.record(0, 1_500)
        report = await door.checked()
        again = await door.checked(door.published())
        with zipfile.ZipFile(tmp_path / "export.zip") as archive:
            leaves = archive.read("events.jsonl").splitlines()
            manifest = orjson.loads(archive.read("manifest.json"))

    assert (report.findings, report.stages) == ((), {"intent": 1_500, "outcome": 1_500, "notice": 1})
    assert leaves[:3_000:2] == [an_intent(nth).leaf for nth in range(1_500)]
    assert (again.findings, again.stages["notice"]) == ((), 2)
    assert [orjson.loads(leaves[at])["operation"] for at in (3_000, 3_001)] == ["audit.export", "audit.export"]
    assert (manifest["exported_by"], manifest["count"], manifest["log"]) == ("alice@example.org", 3_002, "vision")


async def test_checkpoints_are_made_by_themselves_and_published(catalog: CatalogDatabase, tmp_path: Path) -> None:
    path = tmp_path / "checkpoints" / "vision.checkpoint"
    async with _door(catalog, tmp_path) as door:
        await door.record(0, 10)
        await until_async(_exists(path), deadline=15, what="a checkpoint")
        checkpoint = open_checkpoint(path.read_bytes(), read_key(door.audit.verifier_key("vision").encode()))

    assert checkpoint.origin == "example.org/vision"
    assert 0 < checkpoint.size <= 20
    with psycopg.connect(catalog.auditor_url) as connection:
        stored = connection.execute("SELECT note FROM audit.checkpoint WHERE size = %s", (checkpoint.size,)).fetchone()
    assert stored == (path.read_text(),)


async def test_exports_side_by_side_publish_one_checkpoint_after_another(
    catalog: CatalogDatabase, tmp_path: Path
) -> None:
    async with _door(catalog, tmp_path) as door:
        await door.record(0, 10)
        exports = await asyncio.gather(*(door.export(f"{nth}.zip") for nth in range(12)))
        sizes = [open_checkpoint(_note(export), verifier(KEY, "example.org/vision")).size for export in exports]
        published = open_checkpoint(door.published(), verifier(KEY, "example.org/vision")).size
    assert published >= max(sizes)


def _note(export: Path) -> bytes:
    with zipfile.ZipFile(export) as archive:
        return archive.read("checkpoint")


def _exists(path: Path) -> Callable[[], object]:
    async def exists() -> bool:
        return await asyncio.to_thread(path.exists)

    return exists


async def test_a_log_goes_on_over_restarts_and_between_two_doors(catalog: CatalogDatabase, tmp_path: Path) -> None:
    kept = None
    for round_ in range(3):
        async with _door(catalog, tmp_path / "one") as one, _door(catalog, tmp_path / "two") as two:
            await asyncio.gather(
                one.record(round_ * 200, round_ * 200 + 100), two.record(round_ * 200 + 100, 200 * (round_ + 1))
            )
            await one.shipper.drained(within=30)
            await two.shipper.drained(within=30)
            for door in (one, two):
                report = await door.checked(kept)
                assert not report.findings
                kept = door.published()
    assert report.stages == {"intent": 600, "outcome": 600, "notice": 6}


EDIT = (
    "UPDATE audit.event SET leaf = convert_to(replace(convert_from(leaf, 'UTF8'), 'alice', 'mallo'), 'UTF8') WHERE {}"
)


async def test_a_row_that_is_edited_is_named_by_the_next_export(catalog: CatalogDatabase, tmp_path: Path) -> None:
    async with _door(catalog, tmp_path) as door:
        await door.record(0, 10)
        assert not (await door.checked()).findings
        _tamper(catalog, EDIT.format('"index" = 6'))
        (first, *_) = (await door.checked()).findings

    assert (first.what, first.index, first.event) == ("the record was changed", 6, str(an_intent(3).id))


@pytest.mark.parametrize(
    ("statements", "why", "finding"),
    [
        pytest.param(
            [EDIT.format('"index" = 6')],
            "record 6 of 'vision' is not the one that was signed",
            ("the record was changed", 6),
            id="edited",
        ),
        pytest.param(
            ['DELETE FROM audit.event WHERE "index" = 6'],
            "lacks records between",
            ("a record was taken out here: this one is the next", 6),
            id="deleted",
        ),
        pytest.param(
            [
                'DELETE FROM audit.event WHERE "index" >= 16',
                "DELETE FROM audit.checkpoint",
                "UPDATE audit.log SET size = 16, frontier = frontier[1:1]",
            ],
            "lacks records between",
            # The export's own record has taken the place of the first that is gone.
            ("the record was changed", 16),
            id="put back to an older state",
        ),
    ],
)
async def test_a_log_that_was_changed_is_not_signed_any_more_and_its_export_shows_why(
    catalog: CatalogDatabase, tmp_path: Path, statements: list[str], why: str, finding: tuple[str, int]
) -> None:
    async with _door(catalog, tmp_path) as door:
        await door.record(0, 10)
        assert not (await door.checked()).findings
    _tamper(catalog, *statements)
    async with _door(catalog, tmp_path) as door:
        first, *_ = (await door.checked()).findings

        async def refused() -> bool:
            return why in door.audit.refused.get("vision", "")

        await until_async(refused, deadline=15, what="the refusal to sign")
    assert (first.what, first.index) == finding


async def test_an_edit_that_is_covered_up_in_the_catalog_is_found_by_the_published_file(
    catalog: CatalogDatabase, tmp_path: Path
) -> None:
    """Edited, its checkpoints deleted, its frontier made to fit: all that the database has agrees with itself."""
    async with _door(catalog, tmp_path) as door:
        await door.record(0, 2)
        await door.shipper.drained(within=30)
        assert not (await door.checked()).findings
    _tamper(catalog, EDIT.format('"index" = 0'), "DELETE FROM audit.checkpoint")
    async with _door(catalog, tmp_path) as door:
        assert (await door.checked()).findings[0].index == 0


async def test_search_finds_by_each_field_newest_first_in_pages(catalog: CatalogDatabase, tmp_path: Path) -> None:
    async with _door(catalog, tmp_path) as door:
        await door.record(0, 30)
        await door.shipper.drained(within=30)
        seen: list[UUID] = []
        before = None
        while True:
            page = await door.audit.search("vision", Query(stage=Stage.INTENT), before=before, limit=7)
            seen += [UUID(orjson.loads(found.leaf)["id"]) for found in page.events]
            if (before := page.before) is None:
                break
        start = an_intent(0).time

        async def count(query: Query) -> int:
            return len((await door.audit.search("vision", query)).events)

        assert seen == [an_intent(nth).id for nth in reversed(range(30))]
        assert await count(Query(actor="alice@example.org", project="segmentation", operation="GetRun")) == 60
        assert await count(Query(since=start + timedelta(milliseconds=29))) == 1 + 8
        assert await count(Query(until=start)) == 0
        assert await count(Query(actor="bob@example.org")) == 0
        assert (await door.audit.search("language", Query())).events == ()
