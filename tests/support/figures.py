"""Figures that tests measure by the way, shown when the run is over."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Figure"]


class Figure(Protocol):
    """Keeps what was measured: seconds, or where there is no unit a number of things."""

    def __call__(self, what: str, value: float, unit: str = "s") -> None: ...
