"""How old credentials are: of all projects together, and of none that is gone."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

from tenantry_operator.ages import Ages
from tenantry_operator.facts import ProjectKey

NOW = datetime(2027, 1, 31, tzinfo=UTC)
ROADS, SIGNS, THEIRS = (ProjectKey("vision", name) for name in ("roads", "signs", "theirs"))


def noted() -> Ages:
    """Two projects whose credentials are made here, and one whose are not."""
    ages = Ages(lambda: NOW)
    ages.note(ROADS, NOW - timedelta(days=91), overlapping=False)
    ages.note(SIGNS, NOW - timedelta(days=1), overlapping=True)
    ages.note(THEIRS, None, overlapping=False)
    return ages


def test_the_oldest_of_all_counts() -> None:
    assert noted().oldest() == timedelta(days=91).total_seconds()


def test_while_nobody_knows_the_age_is_no_number() -> None:
    ages = Ages(lambda: NOW)
    assert math.isnan(ages.oldest())
    ages.note(THEIRS, None, overlapping=False)
    assert math.isnan(ages.oldest())


def test_those_above_the_limit_are_counted_and_no_others() -> None:
    assert [noted().older_than(limit) for limit in (timedelta(0), timedelta(days=90), timedelta.max)] == [2, 1, 0]


def test_a_replaced_one_is_counted_until_it_ends() -> None:
    ages = noted()
    assert ages.overlapping() == 1
    ages.note(SIGNS, NOW, overlapping=False)
    assert ages.overlapping() == 0


def test_of_a_project_that_is_gone_nothing_is_counted() -> None:
    ages = noted()
    ages.forget(ROADS)
    assert ages.oldest() == timedelta(days=1).total_seconds()
