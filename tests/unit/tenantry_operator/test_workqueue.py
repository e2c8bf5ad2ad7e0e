"""The queue: each key alone, as soon as it is due, again and again until all is well."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Lock

import pytest

from tenantry_operator.workqueue import WorkQueue
from tests.support.wait import until


@contextmanager
def working(handle: Callable[[str], bool], workers: int = 4) -> Iterator[WorkQueue[str]]:
    queue = WorkQueue[str]("test", handle, workers)
    queue.start()
    try:
        yield queue
    finally:
        queue.stop()
        queue.join()


class Calls:
    """Counts calls by key; `answers` gives what the first ones come to: an answer, or an error to raise."""

    def __init__(self, *answers: bool | Exception) -> None:
        self.answers = answers
        self.count: Counter[str] = Counter()
        self._lock = Lock()

    def __call__(self, key: str) -> bool:
        with self._lock:
            self.count[key] += 1
            number = self.count[key]
        answer = self.answers[number - 1] if number <= len(self.answers) else True
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_a_key_is_worked_on_once_for_each_time_it_is_due() -> None:
    calls = Calls()
    with working(calls) as queue:
        for key in "abc":
            queue.add(key)
        until(lambda: calls.count == Counter("abc"))


@pytest.mark.parametrize("first", [False, ValueError("no"), OSError("also no")])
def test_a_key_that_is_not_well_is_tried_again(first: bool | Exception) -> None:  # noqa: FBT001
    calls = Calls(first, first)
    with working(calls) as queue:
        queue.add("a")
        until(lambda: calls.count["a"] == 3)


def test_a_key_that_fails_keeps_no_other_waiting() -> None:
    done = Event()

    def handle(key: str) -> bool:
        if key == "bad":
            raise ValueError(key)
        done.set()
        return True

    with working(handle, workers=1) as queue:
        queue.add("bad")
        queue.add("good")
        assert done.wait(5)


def test_a_key_is_never_worked_on_twice_at_a_time_and_not_forgotten_either() -> None:
    inside, most, release = Counter[str](), [0], Event()
    calls = Calls()

    def handle(key: str) -> bool:
        inside[key] += 1
        most[0] = max(most[0], inside[key])
        calls(key)
        release.wait(5)
        inside[key] -= 1
        return True

    with working(handle) as queue:
        queue.add("a")
        until(lambda: calls.count["a"] == 1)
        for _ in range(5):
            queue.add("a")
        release.set()
        until(lambda: calls.count["a"] == 2)
    assert most == [1]
    assert calls.count["a"] == 2


def test_what_comes_sooner_replaces_what_was_to_come_later() -> None:
    calls = Calls()
    with working(calls) as queue:
        queue.add("a", delay=3600)
        queue.add("a")
        until(lambda: calls.count["a"] == 1)


def test_a_reason_is_given_once_however_many_keys_it_holds_up(capsys: pytest.CaptureFixture[str]) -> None:
    calls = Calls(OSError("PostgreSQL is away"), OSError("PostgreSQL is away"))
    with working(calls) as queue:
        for key in "abcd":
            queue.add(key)
        until(lambda: calls.count == Counter("abcd" * 3))
    said = capsys.readouterr().out
    assert said.count("waiting, and trying again") == 1
    assert said.count("works again") == 1


def test_nothing_is_begun_after_the_end() -> None:
    calls = Calls()
    with working(calls) as queue:
        pass
    queue.add("a")
    assert not calls.count
