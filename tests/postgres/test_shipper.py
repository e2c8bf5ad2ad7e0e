"""From the write-ahead log to PostgreSQL: exactly once, in order, whatever is killed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tenantry_api.audit.tree import EMPTY, leaf_hash
from tenantry_api.record.event import Head, notice
from tenantry_api.record.recorder import Recorder
from tenantry_api.record.shipper import Shipper
from tests.support.postgres import CatalogDatabase, PostgresServer, catalog_on, make_template, running_server
from tests.support.record import ALICE, CLIENT, an_intent, an_outcome
from tests.support.wait import until, until_async

KILLS = 12


@asynccontextmanager
async def _shipping(directory: Path, url: str) -> AsyncIterator[tuple[Recorder, Shipper]]:
    recorder = Recorder(directory)
    await recorder.start()
    shipper = Shipper(recorder, url)
    await shipper.start()
    try:
        yield recorder, shipper
    finally:
        await shipper.stop()
        await recorder.stop()


def _stored(catalog: CatalogDatabase, log: str) -> list[bytes]:
    """The log's leaves, after checking that indexes have no gap and that the frontier is that of these leaves."""
    with psycopg.connect(catalog.auditor_url) as connection:
        rows = connection.execute('SELECT "index", leaf FROM audit.event WHERE log = %s ORDER BY 1', (log,)).fetchall()
        state = connection.execute("SELECT size, frontier FROM audit.log WHERE name = %s", (log,)).fetchone()
    leaves = [leaf for _, leaf in rows]
    tree = EMPTY.extended(map(leaf_hash, leaves))
    assert [index for index, _ in rows] == list(range(len(rows)))
    assert state == (tree.size, list(tree.frontier))
    return leaves


async def test_records_arrive_whole_in_order_and_by_log(catalog: CatalogDatabase, tmp_path: Path) -> None:
    events = [an_intent(nth, log=("vision", "language")[nth % 2]) for nth in range(2_500)]
    async with _shipping(tmp_path, catalog.api_url) as (recorder, shipper):
        await asyncio.gather(*(recorder.write(event) for event in events))
        await shipper.drained(within=30)

        assert shipper.backlog == 0
        assert recorder.healthy
    for log in ("vision", "language"):
        assert _stored(catalog, log) == [event.leaf for event in events if event.log == log]


async def test_the_copies_for_search_are_what_the_leaf_says(catalog: CatalogDatabase, tmp_path: Path) -> None:
    event = an_intent()
    async with _shipping(tmp_path, catalog.api_url) as (recorder, shipper):
        await recorder.write(event)
        await recorder.write(an_outcome(event))
        await shipper.drained(within=30)
    with psycopg.connect(catalog.auditor_url) as connection:
        columns = "event_id, time, stage, actor, project, operation"
        rows = connection.execute(f'SELECT {columns} FROM audit.event ORDER BY "index"').fetchall()

    copies = (event.actor, event.project, event.operation)
    assert rows[0] == (event.id, event.time, "intent", *copies)
    assert rows[1] == (event.id, an_outcome(event).time, "outcome", *copies)


async def test_two_doors_share_a_log_without_a_gap(catalog: CatalogDatabase, tmp_path: Path) -> None:
    async with (
        _shipping(tmp_path / "one", catalog.api_url) as one,
        _shipping(tmp_path / "two", catalog.api_url) as two,
    ):
        doors = (one, two)
        await asyncio.gather(*(doors[nth % 2][0].write(an_intent(nth)) for nth in range(3_000)))
        await asyncio.gather(*(shipper.drained(within=30) for _, shipper in doors))
    stored = _stored(catalog, "vision")

    assert sorted(stored) == sorted(an_intent(nth).leaf for nth in range(3_000))
    for half in (0, 1):
        own = [an_intent(nth).leaf for nth in range(half, 3_000, 2)]
        assert [leaf for leaf in stored if leaf in set(own)] == own


async def test_doors_that_recorded_nothing_leave_a_log_that_can_be_shipped(
    catalog: CatalogDatabase, tmp_path: Path
) -> None:
    for _ in range(3):
        async with _shipping(tmp_path, catalog.api_url) as (_recorder, shipper):
            await shipper.drained(within=30)
    event = an_intent()
    async with _shipping(tmp_path, catalog.api_url) as (recorder, shipper):
        await recorder.write(event)
        await shipper.drained(within=30)
        assert shipper.damage is None
    assert _stored(catalog, "vision") == [event.leaf]


async def test_a_text_with_nul_does_not_stop_the_shipping(catalog: CatalogDatabase, tmp_path: Path) -> None:

    event = an_intent()
    head = Head(event.id, event.time, "vision", replace(ALICE, name="al\0ice"), CLIENT)
    odd = notice(head, operation="identity.sign_in", details={})
    async with _shipping(tmp_path, catalog.api_url) as (recorder, shipper):
        await recorder.write(odd)
        await shipper.drained(within=30)

    assert _stored(catalog, "vision") == [odd.leaf]


async def test_recording_goes_on_while_postgres_is_down_and_ships_when_it_is_back(
    catalog: CatalogDatabase, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    postgres_server.stop()
    async with _shipping(tmp_path, catalog.api_url) as (recorder, shipper):
        for nth in range(20):
            await recorder.write(an_intent(nth))
        assert shipper.backlog > 0
        with pytest.raises(TimeoutError):
            await shipper.drained(within=0.2)
        postgres_server.start()
        await shipper.drained(within=30)

    assert _stored(catalog, "vision") == [an_intent(nth).leaf for nth in range(20)]


async def test_a_catalog_put_back_to_an_older_state_is_noticed(catalog: CatalogDatabase, tmp_path: Path) -> None:
    async with _shipping(tmp_path, catalog.api_url) as (recorder, shipper):
        await recorder.write(an_intent())
        await shipper.drained(within=30)
    with psycopg.connect(catalog.owner_url) as connection:
        connection.execute("UPDATE audit.spool SET position = 10 * position")
    async with _shipping(tmp_path, catalog.api_url) as (recorder, shipper):

        async def noticed() -> bool:
            return shipper.damage is not None

        await until_async(noticed, what="the spool ahead of its log")
        await recorder.write(an_intent(1))
        assert "put back to an older state" in str(shipper.damage)
        shipper.stop = _nothing  # type: ignore[method-assign]  # there is nothing that it could ship


async def _nothing() -> None:
    pass


@pytest.mark.parametrize("role", ["api", "auditor", "owner"])
@pytest.mark.parametrize("table", ["event", "checkpoint"])
@pytest.mark.parametrize(
    "statement", ["UPDATE {} SET log = 'x'", "DELETE FROM {}", "DELETE FROM {} WHERE false", "TRUNCATE {}"]
)
def test_nobody_changes_a_record(catalog: CatalogDatabase, role: str, table: str, statement: str) -> None:
    """The roles have no right to; the owner of the tables has, and is stopped by a trigger."""
    url = {"api": catalog.api_url, "auditor": catalog.auditor_url, "owner": catalog.owner_url}[role]
    command = sql.SQL(statement).format(sql.Identifier("audit", table))  # type: ignore[arg-type]
    with psycopg.connect(url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(command)


# ---------------------------------------------------------------- whatever is killed

_WRITES_UNTIL_KILLED = """
import asyncio, pathlib, sys
from uuid_utils.compat import uuid7
from tenantry_api.record.event import Head, notice
from tenantry_api.record.recorder import Recorder
from tenantry_api.record.shipper import Shipper
from tests.support.record import ALICE, CLIENT, an_intent

async def write(recorder, log):
    while True:
        event = notice(Head(uuid7(), an_intent().time, log, ALICE, CLIENT), operation="x", details={})
        await recorder.write(event)
        print(event.id, flush=True)

async def main(directory, url):
    recorder = Recorder(pathlib.Path(directory))
    await recorder.start()
    await Shipper(recorder, url).start()
    print("ready", flush=True)
    await asyncio.gather(*(write(recorder, ("vision", "language")[nth % 2]) for nth in range(16)))

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """One of its own, for it is not treated kindly."""
    with running_server() as server:
        make_template(server)
        yield server


def _crash(server: PostgresServer) -> None:
    """As `pg_ctl -m immediate` does: no checkpoint, recovery at the next start."""
    process = server._postgres.process
    assert process is not None
    os.kill(process.pid, signal.SIGQUIT)
    until(lambda: process.exit_code is not None, what="PostgreSQL to end")
    server.stop()
    server.start()


async def test_every_record_arrives_once_though_doors_and_databases_are_killed(
    server: PostgresServer, tmp_path: Path
) -> None:
    acknowledged: list[str] = []
    with catalog_on(server) as catalog:
        for nth in range(KILLS):
            acknowledged += _killed_at_work(tmp_path, catalog, nth)
            if nth % 4 == 3:
                _crash(server)
        async with _shipping(tmp_path, catalog.api_url) as (_, shipper):
            await shipper.drained(within=60)
        stored = _ids(catalog)

    assert len(acknowledged) > 100 * KILLS
    assert len(stored) == len(set(stored))
    assert set(acknowledged) <= set(stored)


def _killed_at_work(directory: Path, catalog: CatalogDatabase, nth: int) -> list[str]:
    """Let a door write and ship for a while, kill it, and say what it had acknowledged."""
    command = [sys.executable, "-c", _WRITES_UNTIL_KILLED, str(directory), catalog.api_url]
    output = directory / f"acknowledged-{nth}"
    with output.open("wb") as file:
        door = subprocess.Popen(command, stdout=file)
    before = _shipped(catalog)

    def at_work() -> bool:
        # What the door before left behind is shipped first, and is no work of this one.
        return output.read_text().count("\n") > 2 and _shipped(catalog) > before + 200 * (nth % 3 + 1)

    try:
        until(at_work, deadline=20, what="the door to ship")
    finally:
        door.kill()
        door.wait()
    lines = output.read_text().split("\n")[1:-1]
    assert lines, "it acknowledged nothing"
    return lines


def _shipped(catalog: CatalogDatabase) -> int:
    with psycopg.connect(catalog.auditor_url) as connection:
        row = connection.execute("SELECT coalesce(sum(size), 0)::bigint FROM audit.log").fetchone()
    assert row is not None
    return int(row[0])


def _ids(catalog: CatalogDatabase) -> list[str]:
    with psycopg.connect(catalog.auditor_url) as connection:
        ids = [str(row[0]) for row in connection.execute("SELECT event_id FROM audit.event").fetchall()]
    for log in ("vision", "language"):
        _stored(catalog, log)
    return ids
