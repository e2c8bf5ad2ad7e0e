"""From grants, as people write them, to rows that the door decides by: one subject and one role each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tenantry_crds.meta import Grant
from tenantry_operator.facts import AccessRow

__all__ = ["plan_access"]


def plan_access(grants: Iterable[Grant]) -> frozenset[AccessRow]:
    """Expired grants and denials are rows too: the door is the one to judge them, at the time of the request."""
    return frozenset(row for grant in grants for row in _rows(grant))


def _rows(grant: Grant) -> Iterator[AccessRow]:
    for kind, subject in _subjects(grant):
        yield AccessRow(grant.role.value, grant.effect.value, kind, subject, grant.expires)


def _subjects(grant: Grant) -> Iterator[tuple[str, str]]:
    yield from (("user", user) for user in grant.users)
    yield from (("group", group) for group in grant.groups)
    yield from (("serviceAccount", f"{account.namespace}/{account.name}") for account in grant.service_accounts)
