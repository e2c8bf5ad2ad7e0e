from __future__ import annotations

import re

import pytest

from tenantry_api.identify.secrets import digest, is_well_formed, new_session_id, new_token


def test_a_new_token_has_the_documented_shape_and_a_checksum() -> None:
    token = new_token()
    assert re.fullmatch(r"tnt_[0-9A-Za-z]{49}", token)
    assert is_well_formed(token)


def test_tokens_and_sessions_do_not_repeat() -> None:
    assert len({new_token() for _ in range(1000)}) == 1000
    assert len({new_session_id() for _ in range(1000)}) == 1000


@pytest.mark.parametrize("position", range(4, 53))
def test_a_changed_character_is_noticed(position: int) -> None:
    token = new_token()
    other = "A" if token[position] != "A" else "B"
    assert not is_well_formed(token[:position] + other + token[position + 1 :])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: token[:-1],
        lambda token: token + "A",
        lambda token: token + "\n",
        lambda token: " " + token,
        lambda token: token.replace("tnt_", "TNT_"),
        lambda token: token.removeprefix("tnt_"),
        lambda _: "",
        lambda _: "tnt_" + "é" * 49,
    ],
)
def test_what_is_not_a_token_is_not_well_formed(spoil: object) -> None:
    assert callable(spoil)
    assert not is_well_formed(spoil(new_token()))


def test_the_digest_says_nothing_of_the_token() -> None:
    token = new_token()
    assert len(digest(token)) == 32
    assert token.encode() not in digest(token)
    assert digest(token) == digest(token) != digest(new_token())
