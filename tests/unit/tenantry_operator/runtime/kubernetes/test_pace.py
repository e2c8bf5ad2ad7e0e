"""So many calls a second in the long run, and a burst before."""

from __future__ import annotations

from tenantry_operator.runtime.kubernetes.pace import Pace


class Clock:
    """Time passes by sleeping alone."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def take(pace: Pace, turns: int) -> None:
    for _ in range(turns):
        with pace.turn():
            pass


def test_a_burst_waits_for_nobody_and_the_rest_takes_its_time() -> None:
    clock = Clock()
    pace = Pace(10, clock=clock, sleep=clock.sleep)
    take(pace, 20)
    assert clock.now == 0
    take(pace, 100)
    assert 9.9 < clock.now < 10.1


def test_who_was_quiet_has_a_burst_again_and_no_more() -> None:
    clock = Clock()
    pace = Pace(10, clock=clock, sleep=clock.sleep)
    take(pace, 20)
    clock.sleep(1000)
    before = clock.now
    take(pace, 30)
    assert 0.9 < clock.now - before < 1.1
