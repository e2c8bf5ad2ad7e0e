"""Two hundred clients, reads and writes and what has to be refused, for a minute; then the record is counted."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from http import HTTPStatus

import aiohttp

from bench.overhead import Ways
from bench.report import Figure
from bench.site import Site

__all__ = ["measure_load"]

_CLIENTS, _SECONDS = 200, 60
_API = "/api/2.0/mlflow"
_SETTLED_WITHIN = 30


@dataclass
class Ledger:
    ids: list[str] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)


def measure_load(site: Site, token: str, foreign: str) -> list[Figure]:
    """`token` may read and write, `foreign` may do nothing here: its refusals are part of the load."""
    run = Ways(site, token).make_run()
    ledger = Ledger()
    begun = time.monotonic()
    asyncio.run(_crowd(site, run, token, foreign, ledger))
    seconds = time.monotonic() - begun
    wrong = {key: count for key, count in ledger.answers.items() if key[1] != _EXPECTED[key[0]]}
    recorded, twice = _recorded(site, ledger.ids)
    exactly = recorded == len(ledger.ids) and not twice
    counts = f"{len(ledger.ids)} answered, {recorded} recorded, {twice} twice"
    return [
        Figure(f"{_CLIENTS} clients for {_SECONDS} s", f"{len(ledger.ids) / seconds:.0f} requests/s"),
        Figure("answers that were not expected", f"{sum(wrong.values())} {wrong or ''}", "0", not wrong),
        Figure("each request recorded exactly once", counts, "all", exactly),
    ]


_EXPECTED = {"read": HTTPStatus.OK, "search": HTTPStatus.OK, "write": HTTPStatus.OK, "foreign": HTTPStatus.FORBIDDEN}


async def _crowd(site: Site, run: str, token: str, foreign: str, ledger: Ledger) -> None:
    until = time.monotonic() + _SECONDS
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=120)
    base = site.machine.url + site.path("segmentation") + _API
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        errand = Errand(session, base, run, (token, foreign), until)
        await asyncio.gather(*(_client(errand, ledger, number) for number in range(_CLIENTS)))


@dataclass(frozen=True)
class Errand:
    """What all clients have in common."""

    session: aiohttp.ClientSession
    base: str
    run: str
    # For what is allowed, and for what is not.
    tokens: tuple[str, str]
    until: float


async def _client(errand: Errand, ledger: Ledger, number: int) -> None:
    choose = random.Random(number)  # noqa: S311  # a repeatable mixture
    step = 0
    while time.monotonic() < errand.until:
        what = choose.choices(list(_EXPECTED), (50, 10, 35, 5))[0]
        token = errand.tokens[what == "foreign"]
        step += 1
        metric = {"key": f"m{number}", "value": 1.0, "timestamp": step, "step": step}
        method, path, body = {
            "read": ("GET", f"/runs/get?run_id={errand.run}", None),
            "foreign": ("GET", f"/runs/get?run_id={errand.run}", None),
            "search": ("POST", "/runs/search", {"experiment_ids": ["0"], "max_results": 5}),
            "write": ("POST", "/runs/log-batch", {"run_id": errand.run, "metrics": [metric], "params": [], "tags": []}),
        }[what]
        begun = time.monotonic()
        headers = {"Authorization": f"Bearer {token}"}
        async with errand.session.request(method, errand.base + path, json=body, headers=headers) as answer:
            await answer.read()
        ledger.milliseconds.append(1000 * (time.monotonic() - begun))
        ledger.ids.append(answer.headers["X-Tenantry-Request-Id"])
        ledger.answers[what, answer.status] += 1


def _recorded(site: Site, ids: list[str]) -> tuple[int, int]:
    """How many of the ids have a record of their beginning, and how many have two. Waits for the shipper."""
    end = time.monotonic() + _SETTLED_WITHIN
    while True:
        found = site.sql(
            "SELECT event_id::text FROM audit.event WHERE log = 'vision' AND stage IN ('intent', 'refusal')"
        )
        counts = Counter(str(row[0]) for row in found)
        present = [identifier for identifier in ids if counts[identifier]]
        if len(present) == len(ids) or time.monotonic() > end:
            return len(present), sum(1 for identifier in ids if counts[identifier] > 1)
        time.sleep(0.5)
