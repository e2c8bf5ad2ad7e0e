"""What each role holds, and the snapshot's grants as Casbin's policy lines. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from math import inf

from tenantry_api.facts import Permission, Principal, PrincipalKind
from tenantry_api.snapshot import Grant
from tenantry_crds.meta import Role

__all__ = ["EVERY_PROJECT", "ROLE_PERMISSIONS", "Line", "lines_by_subject", "policy_line", "subjects_of"]

EVERY_PROJECT = "*"

# sub, dom, obj, role, eft, expires, grant: the columns of `p` in model.conf.
Line = tuple[str, str, str, str, str, float, int]

_METADATA = frozenset({Permission.PROJECT_OPEN, Permission.TRACKING_READ})
_VIEW = _METADATA | {Permission.ARTIFACT_DOWNLOAD}
_CONTRIBUTE = _VIEW | {Permission.ARTIFACT_UPLOAD, Permission.MODEL_REGISTER, Permission.TRACKING_WRITE}
_AUDIT = frozenset({Permission.AUDIT_EXPORT, Permission.AUDIT_READ})

ROLE_PERMISSIONS: Mapping[Role, frozenset[Permission]] = {
    Role.ADMIN: frozenset(Permission) - _AUDIT,
    Role.APPROVER: _VIEW | {Permission.MODEL_APPROVE},
    Role.AUDITOR: _AUDIT,
    Role.CONTRIBUTOR: _CONTRIBUTE,
    Role.METADATA_VIEWER: _METADATA,
    Role.PROMOTER: _CONTRIBUTE | {Permission.MODEL_PROMOTE},
    Role.VIEWER: _VIEW,
}

# How grants and principals spell the same subject. The kind is part of it: a group that is
# called like a person's address gets nothing of that person's.
_KINDS = {PrincipalKind.PERSON: "user", PrincipalKind.SERVICE_ACCOUNT: "serviceAccount"}


def subjects_of(principal: Principal) -> frozenset[str]:
    """Every name that a grant may call this principal by; none for an anonymous one."""
    kind = _KINDS.get(principal.kind)
    if kind is None:
        return frozenset()
    return frozenset({f"{kind}:{principal.name}", *(f"group:{name}" for name in principal.groups)})


def policy_line(grant: Grant) -> Line:
    expires = inf if grant.expires_at is None else grant.expires_at.timestamp()
    subject = f"{grant.subject_kind}:{grant.subject}"
    return (subject, grant.workspace, grant.project or EVERY_PROJECT, grant.role, grant.effect, expires, grant.id)


def lines_by_subject(grants: Iterable[Grant]) -> Mapping[tuple[str, str], tuple[Line, ...]]:
    """The lines of each (workspace, subject): all that can matter to one question, however many there are in all."""
    found: dict[tuple[str, str], list[Line]] = defaultdict(list)
    for grant in grants:
        line = policy_line(grant)
        found[line[1], line[0]].append(line)
    return {key: tuple(lines) for key, lines in found.items()}
