"""PostgreSQL killed in whatever moment it is: shipping goes on with the next one."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import psycopg

from tenantry_api.record.recorder import Recorder
from tenantry_api.record.shipper import Shipper
from tests.support.postgres import CatalogDatabase, PostgresServer
from tests.support.record import an_intent

_KILLS = 8
# Long enough for a statement, short enough to hit most of them on the way.
_BETWEEN_RECORDS = 0.003


async def test_shipping_outlives_every_kill(
    catalog: CatalogDatabase, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    recorder = Recorder(tmp_path)
    await recorder.start()
    shipper = Shipper(recorder, catalog.api_url)
    await shipper.start()
    written = 0
    for kill in range(_KILLS):
        for at_kill in (False, True):
            # Records come before and after the kill: the shipper is at work when it happens.
            for _ in range(60 + 7 * kill):
                written += 1
                await recorder.write(an_intent(written))
                await asyncio.sleep(_BETWEEN_RECORDS)
            if not at_kill:
                process = postgres_server._postgres.process
                assert process is not None
                os.kill(process.pid, signal.SIGKILL)
        postgres_server.stop()
        postgres_server.start()
        await shipper.drained(within=30)
    await shipper.stop()
    await recorder.stop()
    with psycopg.connect(catalog.owner_url) as connection:
        assert connection.execute("SELECT count(*) FROM audit.event").fetchone() == (written,)
