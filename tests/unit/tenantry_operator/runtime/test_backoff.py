"""How long a failing server waits."""

from __future__ import annotations

from tenantry_operator.runtime.process.backoff import Backoff


def test_doubles_from_a_second_to_a_minute() -> None:
    backoff, delays = Backoff(), []
    for _ in range(9):
        backoff = backoff.failed(after=0.5)
        delays.append(backoff.delay)
    assert delays == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_begins_anew_after_a_healthy_minute() -> None:
    assert Backoff(failures=7).failed(after=60) == Backoff(failures=1)
    assert Backoff(failures=7).failed(after=59.9) == Backoff(failures=8)


def test_survives_weeks_of_failures() -> None:
    assert Backoff(failures=1_000_000).delay == 60


def test_does_not_wait_before_anything_failed() -> None:
    assert Backoff().delay == 0
