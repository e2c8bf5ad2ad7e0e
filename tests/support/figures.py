"""Figures that tests measure by the way, shown when the run is over."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

__all__ = ["Figure"]

# What was measured, and the seconds that it took.
Figure: TypeAlias = Callable[[str, float], None]
