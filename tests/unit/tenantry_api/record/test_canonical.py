"""The same value is the same bytes, and what has no one form is refused."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta, timezone

import pytest

from tenantry_api.record.canonical import Json, canonical, digested, instant, plain, shortened

AT = datetime(2026, 11, 21, 9, 0, 0, 1, tzinfo=UTC)
WRITTEN: dict[str, tuple[Json, bytes]] = {
    "names in order": ({"b": [1, True, None], "a": {"d": "", "c": 0}}, b'{"a":{"c":0,"d":""},"b":[1,true,null]}'),
    "letters as they are": ("h\u00e9", b'"h\xc3\xa9"'),
    "half a letter, escaped": ("/\udcff", b'"/\\\\udcff"'),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_value_has_one_form(name: str) -> None:
    value, written = WRITTEN[name]
    assert canonical(value) == written


@pytest.mark.parametrize("value", [1.5, {"a": [1.5]}])
def test_floats_are_refused(value: Json) -> None:
    with pytest.raises(TypeError, match="no floats"):
        plain(value)


def test_times_are_written_in_utc() -> None:
    assert instant(AT.astimezone(timezone(timedelta(hours=2)))) == "2026-11-21T09:00:00.000001Z"


def test_a_text_is_cut_where_it_is_long_and_its_digest_stands_for_the_rest() -> None:
    assert shortened("a" * 1_024) == "a" * 1_024
    assert shortened("a" * 1_025) == "a" * 1_024 + "… sha256:" + hashlib.sha256(b"a" * 1_025).hexdigest()


def test_a_value_is_digested_where_it_is_long() -> None:
    assert digested(["a"]) == ["a"]
    long = ["a"] * 1_000
    assert digested(long) == {"count": 1_000, "sha256": hashlib.sha256(canonical(long)).hexdigest()}
