"""A part that the door cannot be without takes the door along when it ends by a mistake of ours."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator

import pytest

from tenantry_api.vital import start_vital


@pytest.fixture
def told() -> Iterator[list[int]]:
    """The signals that this process was sent, in place of its end."""
    signals: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _frame: signals.append(number))
    yield signals
    signal.signal(signal.SIGTERM, before)


async def _fails() -> None:
    raise KeyError("a mistake")


async def _returns() -> None:
    return


async def _goes_on() -> None:
    await asyncio.Event().wait()


async def test_a_mistake_in_it_ends_the_process(told: list[int]) -> None:
    task = start_vital(_fails(), name="part")
    await asyncio.wait([task])
    await asyncio.sleep(0)
    assert told == [signal.SIGTERM]


async def test_a_part_that_gave_up_and_said_why_does_not(told: list[int]) -> None:
    await asyncio.wait([start_vital(_returns(), name="part")])
    await asyncio.sleep(0)
    assert told == []


async def test_to_cancel_it_does_not(told: list[int]) -> None:
    task = start_vital(_goes_on(), name="part")
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    await asyncio.sleep(0)
    assert told == []
