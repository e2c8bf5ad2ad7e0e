"""The door is killed in the middle of its work, again and again; then three ledgers are compared.

The client's (what was answered), the backend's (what was done) and the log's. Nothing that was answered is missing from
the log, nothing was done to a project without an intent on record, and no record is there twice.
"""

from __future__ import annotations

import asyncio
import subprocess
from collections import Counter
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import httpx2
import orjson
import pytest
from pydantic import SecretStr
from uuid_utils.compat import uuid7

from tenantry_api.audit.bundle import EVENTS, Bundle
from tenantry_api.audit.keys import load_signing_key, make_signing_key, verifier
from tenantry_api.audit.log import AuditLog
from tenantry_api.audit.verify import verify
from tenantry_api.record.event import Head
from tenantry_api.record.recorder import Recorder
from tenantry_api.record.shipper import Shipper
from tenantry_api.settings import Settings
from tests.support.door import ISSUER, CatalogRows
from tests.support.door_process import door_environment, ready_door
from tests.support.mlflow import bare_mlflow
from tests.support.postgres import CatalogDatabase
from tests.support.record import ALICE, CLIENT
from tests.support.upstream import upstream
from tests.support.wait import until_async

CLIENTS = 24
MODELS = "/api/2.0/mlflow/registered-models"


@dataclass(frozen=True)
class Answered:
    id: str
    model: str
    changed: bool


@dataclass
class Site:
    """One door's settings and directories, over all of its lives."""

    catalog: CatalogDatabase
    home: Path
    token: str
    answered: list[Answered] = field(default_factory=list)
    lives: int = 0

    def door(self) -> AbstractContextManager[tuple[str, subprocess.Popen[bytes]]]:
        self.lives += 1
        settings = Settings(
            catalog_url=SecretStr(self.catalog.api_url),
            listen="127.0.0.1:0",
            log_origin="example.org",
            oidc_issuer=ISSUER,
            record_directory=self.home / "record",
            signing_key_file=self.home / "key.pem",
        )
        return ready_door(door_environment(settings), self.home / f"door-{self.lives}.log")

    async def kill_at_work(self, answers: int) -> None:
        """Let many clients work on the door, and kill it when they have got this many answers more."""
        enough = len(self.answered) + answers
        with self.door() as (url, process):
            async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {self.token}"}) as session:
                clients = [asyncio.create_task(self._work(session, url, nth)) for nth in range(CLIENTS)]
                await until_async(lambda: self._has(enough), deadline=60, what=f"{answers} answers")
                process.kill()
                await asyncio.gather(*clients)

    async def _has(self, answers: int) -> bool:
        return len(self.answered) >= answers

    async def _work(self, session: aiohttp.ClientSession, url: str, nth: int) -> None:
        """Change something, read it back, and so on until the door is gone."""
        count = 0
        while True:
            count += 1
            model = f"model-{self.lives}-{nth}-{count}"
            try:
                await self._ask(
                    session.post(f"{url}/w/vision/p/segmentation{MODELS}/create", json={"name": model}), model
                )
                await self._ask(
                    session.get(f"{url}/w/vision/p/segmentation{MODELS}/get", params={"name": model}), model
                )
            except aiohttp.ClientError:
                return

    async def _ask(self, request: Any, model: str) -> None:
        async with request as answer:
            await answer.read()
            assert answer.status == 200, await answer.text()
            self.answered.append(Answered(answer.headers["X-Tenantry-Request-Id"], model, answer.method == "POST"))

    async def events(self) -> list[dict[str, Any]]:
        """All of the log, by an export that verifies."""
        key = load_signing_key(self.home / "key.pem")
        recorder = Recorder(self.home / "record")
        await recorder.start()
        shipper = Shipper(recorder, self.catalog.api_url)
        await shipper.start()
        audit = AuditLog(
            catalog_url=self.catalog.api_url,
            key=key,
            origin="example.org",
            directory=self.home / "checkpoints",
            recorder=recorder,
            shipper=shipper,
        )
        await audit.start()
        pieces = await audit.export(Head(uuid7(), datetime.now(UTC), "vision", ALICE, CLIENT))
        export = self.home / "export.zip"
        export.write_bytes(b"".join([piece async for piece in pieces]))
        for part in (audit, shipper, recorder):
            await part.stop()
        assert not verify(Bundle(export), verifier(key)).findings
        with Bundle(export).open(EVENTS) as lines:
            return [orjson.loads(line) for line in lines]


@pytest.fixture
def site(catalog: CatalogDatabase, tmp_path: Path) -> Site:
    rows = CatalogRows(catalog)
    rows.project("vision", "segmentation")
    rows.grant("vision", "contributor", "alice@example.org")
    make_signing_key(tmp_path / "key.pem")
    return Site(catalog, tmp_path, rows.token("alice@example.org"))


async def _compare(site: Site, done: set[str]) -> None:
    """`done`: the models that the backend has made."""
    events = [event for event in await site.events() if event["operation"] != "audit.export"]
    intents = {event["id"]: event for event in events if event["stage"] == "intent"}
    outcomes = {event["id"] for event in events if event["stage"] == "outcome"}
    changed = {event["resources"][0]["id"] for event in intents.values() if event["kind"] == "mutation"}

    twice = [key for key, count in Counter((event["id"], event["stage"]) for event in events).items() if count > 1]
    assert not twice
    assert {answer.id for answer in site.answered} <= intents.keys()
    assert all(intents[answer.id]["resources"][0]["id"] == answer.model for answer in site.answered)
    assert {answer.id for answer in site.answered if answer.changed} <= outcomes
    assert outcomes <= intents.keys()
    assert {answer.model for answer in site.answered if answer.changed} <= done
    assert done <= changed
    assert intents.keys() - outcomes, "no kill met a request under way"


async def test_nothing_answered_is_missing_and_nothing_was_done_without_its_intent(site: Site) -> None:
    with upstream() as backend:
        CatalogRows(site.catalog).backend("vision", "segmentation", backend.address)
        for nth in range(20):
            await site.kill_at_work(answers=40 + 37 * nth % 200)
        done = {orjson.loads(got.body)["name"] for got in backend.received if got.method == "POST"}
    assert len(site.answered) > 20 * 40
    await _compare(site, done)


async def test_the_same_with_a_real_mlflow(site: Site, tmp_path: Path) -> None:
    with bare_mlflow(f"sqlite:///{tmp_path}/mlflow.db", tmp_path / "artifacts") as url:
        CatalogRows(site.catalog).backend("vision", "segmentation", url)
        for _ in range(4):
            await site.kill_at_work(answers=30)
        done = _registered(url)
    await _compare(site, done)


def _registered(url: str) -> set[str]:
    answer = httpx2.get(f"{url}{MODELS}/search", params={"max_results": 1000}).raise_for_status()
    return {model["name"] for model in answer.json()["registered_models"]}
