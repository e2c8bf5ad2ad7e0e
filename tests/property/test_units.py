"""Durations and quantities: what is written is read again as the same value."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry_crds.units import Quantity, format_duration, parse_duration

_SIGNS = "0123456789.mkMGTPKi"


@given(st.integers(min_value=1, max_value=99_999 * 86_400))
def test_a_duration_survives_being_written(seconds: int) -> None:
    duration = timedelta(seconds=seconds)
    assert parse_duration(format_duration(duration)) == duration


@given(
    st.from_regex(
        r"([0-9]{1,5}d)?([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,5}s)?", fullmatch=True, alphabet="0123456789dhms"
    )
)
def test_a_duration_has_one_spelling_once_it_was_written(text: str) -> None:
    try:
        duration = parse_duration(text)
    except ValueError:
        assert not any(digit in text for digit in "123456789")
        return
    assert format_duration(parse_duration(format_duration(duration))) == format_duration(duration)


@given(st.text())
def test_any_text_is_a_duration_or_a_clear_error(text: str) -> None:
    try:
        duration = parse_duration(text)
    except ValueError as error:
        said = str(error)
    else:
        assert duration > timedelta(0)
        return
    assert said == "must be a duration above zero, like 90s, 30m, 1h30m or 7d"


@given(st.from_regex(r"[0-9]{1,12}(\.[0-9]{1,3})?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?", fullmatch=True, alphabet=_SIGNS))
def test_a_quantity_keeps_its_spelling(text: str) -> None:
    assert str(Quantity.parse(text)) == text


@given(st.integers(min_value=0, max_value=999_999), st.sampled_from(["MiGi", "GiTi", "TiPi"]))
def test_a_quantity_is_equal_by_its_amount(number: int, units: str) -> None:
    small, large = units[:2], units[2:]
    assert Quantity.parse(f"{number * 1024}{small}") == Quantity.parse(f"{number}{large}")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("8", Decimal(8)),
        (8, Decimal(8)),
        ("500m", Decimal("0.5")),
        ("1.5", Decimal("1.5")),
        ("1k", Decimal(1000)),
        ("200G", Decimal(200 * 10**9)),
        ("3P", Decimal(3 * 10**15)),
        ("1Ki", Decimal(1024)),
        ("1.5Gi", Decimal(1536 * 1024**2)),
        ("2Pi", Decimal(2 * 1024**5)),
    ],
)
def test_quantities_count_as_they_do_in_kubernetes(text: object, value: Decimal) -> None:
    assert Quantity.parse(text).value == value
