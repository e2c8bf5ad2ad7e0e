from __future__ import annotations

from tenantry_api.up.provider.expiring import Expiring


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_value_is_taken_once() -> None:
    values: Expiring[str] = Expiring(60)
    key = values.add("v")
    assert values.get(key) == "v"
    assert values.take(key) == "v"
    assert values.take(key) is None
    assert values.get("no such key") is None


def test_a_value_ends_with_its_lifetime_and_replacing_does_not_prolong_it() -> None:
    clock = Clock()
    values: Expiring[str] = Expiring(60, clock)
    key = values.add("v")
    clock.now = 59
    values.replace(key, "w")
    assert values.get(key) == "w"
    clock.now = 60
    assert values.get(key) is None
    assert values.find(lambda _: True) is None


def test_what_has_ended_is_swept_away() -> None:
    clock = Clock()
    values: Expiring[str] = Expiring(60, clock)
    for _ in range(100):
        values.add("old")
    clock.now = 61
    values.add("new")
    assert len(values._values) == 1


def test_find_and_drop() -> None:
    values: Expiring[str] = Expiring(60)
    key = values.add("a")
    values.add("b")
    assert values.find(lambda value: value == "a") == (key, "a")
    values.drop(lambda value: value == "a")
    assert values.find(lambda value: value == "a") is None
    assert values.find(lambda value: value == "b") is not None
