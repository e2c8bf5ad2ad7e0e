"""What a promotion moves, and who holds the pointer."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tenantry_api.facts import Action, Kind, Permission
from tenantry_api.promote import Move, Terms, holder, move_of

CHAMPION = Move("digits", "alias", "champion", "2")
PRODUCTION = Move("digits", "stage", "production", "2")
MODEL = {
    "aliases": [{"alias": "challenger", "version": "9"}, {"alias": "champion", "version": "3"}],
    "latest_versions": [{"version": "5", "current_stage": "Staging"}, {"version": "4", "current_stage": "Production"}],
}


def promotion(operation: str, **parameters: object) -> Action:
    return Action(Kind.PROMOTION, Permission.MODEL_PROMOTE, operation, "POST", "/", parameters=parameters)


@pytest.mark.parametrize(
    ("action", "move"),
    [
        (promotion("SetRegisteredModelAlias", name="digits", alias="champion", version="2"), CHAMPION),
        (
            promotion("DeleteRegisteredModelAlias", name="digits", alias="champion"),
            Move("digits", "alias", "champion", None),
        ),
        (
            promotion("TransitionModelVersionStage", name="digits", version="2", stage="production"),
            PRODUCTION,
        ),
        (
            promotion(
                "TransitionModelVersionStage",
                name="digits",
                version="2",
                stage="production",
                archive_existing_versions=True,
            ),
            replace(PRODUCTION, archives=True),
        ),
    ],
)
def test_a_move_is_read_from_the_stock_clients_call(action: Action, move: Move) -> None:
    assert move_of(action) == move


@pytest.mark.parametrize(
    ("move", "status", "model", "version"),
    [
        (CHAMPION, 200, MODEL, "3"),
        (PRODUCTION, 200, MODEL, "4"),
        (Move("digits", "alias", "unheard", None), 200, MODEL, None),
        (Move("digits", "alias", "Champion", "2"), 200, MODEL, None),
        (CHAMPION, 200, {}, None),
        (CHAMPION, 404, {}, None),
    ],
)
def test_the_holder_is_read_from_the_backends_answer(
    move: Move, status: int, model: object, version: str | None
) -> None:
    assert holder(move, status, json.dumps({"registered_model": model}).encode()) == version


@pytest.mark.parametrize(("status", "body"), [(500, b"{}"), (403, b"{}"), (200, b"<html>"), (200, b"[]")])
def test_an_answer_that_says_nothing_is_not_taken_for_nobody(status: int, body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whose words they are does not matter
        holder(CHAMPION, status, body)


@pytest.mark.parametrize(
    ("if_match", "before", "hold"),
    [
        (None, "3", True),
        (None, None, True),
        ("3", "3", True),
        ("2", "3", False),
        ("none", None, True),
        ("3", None, False),
        ("none", "3", False),
    ],
)
def test_terms_hold_for_the_version_that_was_seen(if_match: str | None, before: str | None, *, hold: bool) -> None:
    assert Terms(if_match).hold(before) is hold
