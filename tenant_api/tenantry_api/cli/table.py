"""Tables on the command line: plain columns, never cut when they go into a pipe."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

__all__ = ["age", "print_table"]

# Wider than any row, so that nothing wraps where there is no terminal.
_PIPE_WIDTH = 10_000

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _PIPE_WIDTH
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*row)
    console.print(table)


def age(instant: str | None, now: datetime | None = None) -> str:
    """`5m` since an RFC 3339 instant, in its largest unit."""
    if instant is None:
        return "-"
    seconds = int(((now or datetime.now(UTC)) - datetime.fromisoformat(instant)).total_seconds())
    return next((f"{seconds // size}{unit}" for size, unit in _UNITS if seconds >= size), "0s")
