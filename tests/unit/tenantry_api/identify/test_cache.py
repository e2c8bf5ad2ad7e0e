from __future__ import annotations

import asyncio

from tenantry_api.identify.cache import Cache


class Source:
    """Counts how often it is read; what it holds can change."""

    def __init__(self, value: str | None) -> None:
        self.value = value
        self.reads = 0
        self.began = asyncio.Event()
        self.gate: asyncio.Event | None = None

    async def load(self, _key: bytes) -> str | None:
        self.reads += 1
        value = self.value
        self.began.set()
        if self.gate is not None:
            await self.gate.wait()
        return value


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_value_is_read_once_until_it_is_too_old() -> None:
    clock, source = Clock(), Source("v")
    cache: Cache[str] = Cache(max_age=60, clock=clock)
    for clock.now in (0, 30, 59.9):
        assert await cache.get(b"k", source.load) == "v"
    assert source.reads == 1
    clock.now = 60
    assert await cache.get(b"k", source.load) == "v"
    assert source.reads == 2


async def test_what_is_not_there_is_asked_for_again() -> None:
    source = Source(None)
    cache: Cache[str] = Cache(max_age=60)
    assert await cache.get(b"k", source.load) is None
    source.value = "v"
    assert await cache.get(b"k", source.load) == "v"


async def test_forget_drops_everything() -> None:
    source = Source("before")
    cache: Cache[str] = Cache(max_age=60)
    await cache.get(b"k", source.load)
    source.value = "after"
    cache.forget()
    assert await cache.get(b"k", source.load) == "after"


async def test_a_read_that_was_under_way_when_everything_was_forgotten_is_not_kept() -> None:
    """It may have seen the row as it was before the change that the notification was about."""
    source = Source("before")
    source.gate = asyncio.Event()
    cache: Cache[str] = Cache(max_age=60)
    reading = asyncio.create_task(cache.get(b"k", source.load))
    await source.began.wait()
    source.value = "after"
    cache.forget()
    source.gate.set()
    assert await reading == "before"
    assert await cache.get(b"k", source.load) == "after"


async def test_age_counts_from_when_the_read_began() -> None:
    clock, source = Clock(), Source("v")
    cache: Cache[str] = Cache(max_age=60, clock=clock)

    async def slowly(key: bytes) -> str | None:
        value = await source.load(key)
        clock.now = 50
        return value

    await cache.get(b"k", slowly)
    clock.now = 61
    await cache.get(b"k", source.load)
    assert source.reads == 2


async def test_it_is_bounded() -> None:
    source = Source("v")
    cache: Cache[str] = Cache(max_age=60, limit=3)
    for key in (b"a", b"b", b"c", b"d"):
        await cache.get(key, source.load)
    await cache.get(b"d", source.load)
    assert source.reads == 4
    await cache.get(b"a", source.load)
    assert source.reads == 5
