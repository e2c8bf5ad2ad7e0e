"""A request that is under way while the test does something else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import httpx2

__all__ = ["Asked", "asked"]


@dataclass(frozen=True)
class Asked:
    future: Future[httpx2.Response]

    @property
    def done(self) -> bool:
        return self.future.done()

    def answer(self, within: float = 30.0) -> httpx2.Response:
        return self.future.result(timeout=within)


@contextmanager
def asked(ask: Callable[[], httpx2.Response]) -> Iterator[Asked]:
    with ThreadPoolExecutor(1) as pool:
        yield Asked(pool.submit(ask))
