"""The rule behind a decision, in words that a person can check against the manifests. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from math import isinf

from tenantry_api.authorize.policy import EVERY_PROJECT, Line
from tenantry_api.facts import Permission

__all__ = ["explain_grant", "explain_nothing", "explain_scope"]


def explain_grant(line: Line) -> str:
    """`allow contributor to group vision-ml in every project of vision`."""
    subject, workspace, project, role, effect, expires, _ = line
    kind, _, name = subject.partition(":")
    where = f"every project of {workspace}" if project == EVERY_PROJECT else f"{workspace}/{project}"
    until = "" if isinf(expires) else f" until {datetime.fromtimestamp(expires, UTC):%Y-%m-%dT%H:%M:%SZ}"
    return f"{effect} {role} to {kind} {name} in {where}{until}"


def explain_nothing(permission: Permission) -> str:
    return f"no grant gives {permission.value}"


def explain_scope(bound_to: str) -> str:
    return f"the token is bound to {bound_to}"
