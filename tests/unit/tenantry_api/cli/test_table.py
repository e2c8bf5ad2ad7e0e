from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tenantry_api.cli.table import age, print_table

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "0s"), (59, "59s"), (60, "1m"), (3_599, "59m"), (3_600, "1h"), (86_399, "23h"), (864_000, "10d"), (-5, "0s")],
)
def test_age(seconds: int, expected: str) -> None:
    assert age((NOW - timedelta(seconds=seconds)).isoformat(), NOW) == expected


def test_no_instant_has_no_age() -> None:
    assert age(None) == "-"


def test_a_row_in_a_pipe_is_never_cut(capsys: pytest.CaptureFixture[str]) -> None:
    long = "x" * 300
    print_table(("NAME", "URL"), [("a", long)])
    assert long in capsys.readouterr().out.splitlines()[1]
