"""Search a workspace's log: newest first, a page at a time.

It reads the copies that stand beside each record, so it is for finding, not for proving: the proof is an export.
Pages are cut by index, so that records which arrive meanwhile move nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from tenantry_api.record.event import Stage

__all__ = ["PAGE_LIMIT", "Found", "Page", "Query", "search"]

PAGE_LIMIT = 500

_SEARCH = """
SELECT index, leaf FROM audit.event
WHERE log = $1
  AND ($2::timestamptz IS NULL OR time >= $2) AND ($3::timestamptz IS NULL OR time < $3)
  AND ($4::text IS NULL OR actor = $4) AND ($5::text IS NULL OR project = $5)
  AND ($6::text IS NULL OR operation = $6) AND ($7::text IS NULL OR stage = $7)
  AND ($8::bigint IS NULL OR index < $8)
ORDER BY index DESC LIMIT $9
"""


@dataclass(frozen=True, slots=True)
class Query:
    """None matches everything. `since` is included, `until` is not; the rest must be equal, letter for letter."""

    since: datetime | None = None
    until: datetime | None = None
    actor: str | None = None
    project: str | None = None
    operation: str | None = None
    stage: Stage | None = None


@dataclass(frozen=True, slots=True)
class Found:
    index: int
    leaf: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """`before` is what to ask for to get the next page; None: this was the last."""

    events: tuple[Found, ...]
    before: int | None


async def search(pool: Any, log: str, query: Query, *, before: int | None = None, limit: int = 100) -> Page:
    """Up to `limit` (at most PAGE_LIMIT) records of `log`. An unknown log has none."""
    size = max(1, min(limit, PAGE_LIMIT))
    wanted = [getattr(query, field.name) for field in fields(query)]
    rows = await pool.fetch(_SEARCH, log, *wanted, before, size + 1)
    events = tuple(Found(row["index"], row["leaf"]) for row in rows[:size])
    return Page(events, events[-1].index if len(rows) > size else None)
