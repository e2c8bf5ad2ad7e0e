"""A figure, its goal, and how a run of the benchmark is shown."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from rich.markup import escape

from tenantry_api.cli.table import print_table

__all__ = ["Figure", "at_least", "at_most", "percentile", "show", "spread"]


@dataclass(frozen=True)
class Figure:
    """`holds` is None for a figure without a goal."""

    what: str
    measured: str
    goal: str = ""
    holds: bool | None = None


def at_most(what: str, value: float, goal: float, unit: str, detail: str = "") -> Figure:
    return Figure(what, f"{value:.2f} {unit}{detail}", f"<= {goal:g} {unit}", value <= goal)


def at_least(what: str, value: float, goal: float, unit: str = "", detail: str = "") -> Figure:
    return Figure(what, f"{value:.3f} {unit}{detail}".rstrip(), f">= {goal:g} {unit}".rstrip(), value >= goal)


def percentile(values: Sequence[float], percent: int) -> float:
    return sorted(values)[min(len(values) - 1, len(values) * percent // 100)]


def spread(values: Sequence[float]) -> str:
    """The range around a median."""
    return (
        f" [{min(values):.2f} .. {max(values):.2f}], median of {len(values)}, {statistics.fmean(values):.2f} on average"
    )


def show(figures: Sequence[Figure]) -> None:
    marks = {None: "", True: "holds", False: "MISSED"}
    rows = ((it.what, escape(it.measured), it.goal, marks[it.holds]) for it in figures)
    print_table(("WHAT", "MEASURED", "GOAL", ""), rows)
