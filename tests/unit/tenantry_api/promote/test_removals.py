"""Which pointers go away with a version, a model or its name."""

from __future__ import annotations

import json

import pytest

from tenantry_api.facts import Action, Kind, Permission
from tenantry_api.promote import Pointer, Removal, guarded, removal_of

CHAMPION, PRODUCTION = Pointer("alias", "champion", "3"), Pointer("stage", "Production", "3")
CHALLENGER = Pointer("alias", "challenger", "9")
MODEL = {
    "aliases": [{"alias": "champion", "version": "3"}, {"alias": "challenger", "version": "9"}],
    "latest_versions": [{"version": "3", "current_stage": "Production"}, {"version": "9", "current_stage": "None"}],
}


def call(operation: str, **parameters: object) -> Action:
    return Action(Kind.PROMOTION, Permission.MODEL_PROMOTE, operation, "POST", "/", parameters=parameters)


@pytest.mark.parametrize(
    ("action", "removal"),
    [
        (call("DeleteModelVersion", name="digits", version="03"), Removal("digits", "3")),
        (call("DeleteRegisteredModel", name="digits"), Removal("digits", None)),
        (call("RenameRegisteredModel", name="digits", new_name="numbers"), Removal("digits", None, "numbers")),
        (call("SetRegisteredModelAlias", name="digits", alias="champion", version="3"), None),
    ],
)
def test_a_removal_is_read_from_the_stock_clients_call(action: Action, removal: Removal | None) -> None:
    assert removal_of(action) == removal


@pytest.mark.parametrize(
    ("version", "status", "pointers"),
    [
        ("3", 200, (CHAMPION, PRODUCTION)),
        ("9", 200, (CHALLENGER,)),
        ("4", 200, ()),
        (None, 200, (CHALLENGER, CHAMPION, PRODUCTION)),
        (None, 404, ()),
    ],
)
def test_what_named_it_is_read_from_the_backends_answer(
    version: str | None, status: int, pointers: tuple[Pointer, ...]
) -> None:
    body = json.dumps({"registered_model": MODEL}).encode()
    assert Removal("digits", version).pointers(status, body) == pointers


@pytest.mark.parametrize(("status", "body"), [(500, b"{}"), (200, b"<html>"), (200, b"[]"), (200, b"{}")])
def test_an_answer_that_says_nothing_is_not_taken_for_no_pointer(status: int, body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whose words they are does not matter
        Removal("digits", "3").pointers(status, body)


@pytest.mark.parametrize(
    ("rules", "alias"),
    [
        ({}, None),
        ({"requireReason": True, "protectedAliases": ["champion"]}, CHAMPION),
        ({"requireReason": True, "protectedAliases": ["shadow"]}, None),
    ],
)
def test_an_alias_that_moves_for_a_reason_goes_for_one(rules: dict[str, object], alias: Pointer | None) -> None:
    assert guarded(Removal("digits", "3"), (CHAMPION, PRODUCTION), rules) == alias
