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


@pytest.mark.parametrize("loop", [_fails, _returns])
async def test_its_end_ends_the_process(told: list[int], loop: object) -> None:
    task = start_vital(loop(), name="part")  # type: ignore[operator]
    await asyncio.wait([task])
    await asyncio.sleep(0)
    assert told == [signal.SIGTERM]


async def test_to_cancel_it_does_not(told: list[int]) -> None:
    task = start_vital(_goes_on(), name="part")
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    await asyncio.sleep(0)
    assert told == []
