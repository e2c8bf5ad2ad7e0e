"""When a promotion must say why."""

from __future__ import annotations

import pytest

from tenantry_api.promote import Move, Terms

_SAID, _SILENT = Terms(reason="better recall"), Terms()


@pytest.mark.parametrize(
    ("rules", "alias", "terms", "accepted"),
    [
        ({}, "champion", _SILENT, True),
        ({"requireReason": False, "protectedAliases": ["champion"]}, "champion", _SILENT, True),
        ({"requireReason": True, "protectedAliases": ["champion"]}, "champion", _SILENT, False),
        ({"requireReason": True, "protectedAliases": ["champion"]}, "champion", Terms(reason=""), False),
        ({"requireReason": True, "protectedAliases": ["champion"]}, "Champion", _SILENT, False),
        ({"requireReason": True, "protectedAliases": ["champion"]}, "champion", _SAID, True),
        ({"requireReason": True, "protectedAliases": ["champion"]}, "challenger", _SILENT, True),
        ({"requireReason": True, "protectedAliases": []}, "challenger", _SILENT, False),
        ({"requireReason": True}, "challenger", _SILENT, False),
    ],
)
def test_a_guarded_alias_moves_for_a_reason(
    rules: dict[str, object], alias: str, terms: Terms, *, accepted: bool
) -> None:
    assert terms.explain(Move("digits", "alias", alias, "2"), rules) is accepted
