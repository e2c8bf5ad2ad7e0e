"""Who may do what, and which grant said so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tenantry_api.authorize import ROLE_PERMISSIONS, Authorizer
from tenantry_api.facts import Permission, Principal, PrincipalKind, TokenScope
from tenantry_api.snapshot import Grant, Snapshot
from tenantry_crds.meta import Role

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ALICE = Principal(PrincipalKind.PERSON, "alice@example.org", groups=frozenset({"vision-ml"}))
RUNNER = Principal(PrincipalKind.SERVICE_ACCOUNT, "train/runner")


def grant(role: str, subject: str, project: str | None = None, **fields: object) -> Grant:
    kind, _, name = subject.partition(":")
    values = {"id": 1, "workspace": "vision", "effect": "allow", "expires_at": None} | fields
    return Grant(project=project, role=role, subject_kind=kind, subject=name, **values)  # type: ignore[arg-type]


class Clock:
    def __init__(self) -> None:
        self.now = NOW.timestamp()

    def __call__(self) -> float:
        return self.now


def authorizer(*grants: Grant, clock: Clock | None = None) -> Authorizer:
    return Authorizer(lambda: Snapshot(revision=7, grants=grants), clock or Clock())


@pytest.mark.parametrize(
    ("grants", "allowed", "rule"),
    [
        ([], False, "no grant gives tracking:read"),
        (
            [grant("viewer", "group:vision-ml")],
            True,
            "allow viewer to group vision-ml in every project of vision",
        ),
        (
            [grant("viewer", "user:alice@example.org", "segmentation")],
            True,
            "allow viewer to user alice@example.org in vision/segmentation",
        ),
        ([grant("viewer", "user:alice@example.org", "detection")], False, "no grant gives tracking:read"),
        ([grant("viewer", "user:alice@example.org", workspace="language")], False, "no grant gives tracking:read"),
        ([grant("viewer", "group:alice@example.org")], False, "no grant gives tracking:read"),
        ([grant("viewer", "user:vision-ml")], False, "no grant gives tracking:read"),
        ([grant("auditor", "group:vision-ml")], False, "no grant gives tracking:read"),
        (
            [grant("admin", "group:vision-ml"), grant("viewer", "user:alice@example.org", effect="deny")],
            False,
            "deny viewer to user alice@example.org in every project of vision",
        ),
        (
            [
                grant("viewer", "user:alice@example.org", "segmentation", effect="deny"),
                grant("admin", "group:vision-ml"),
            ],
            False,
            "deny viewer to user alice@example.org in vision/segmentation",
        ),
        (
            [grant("admin", "group:vision-ml"), grant("auditor", "user:alice@example.org", effect="deny")],
            True,
            "allow admin to group vision-ml in every project of vision",
        ),
        ([grant("viewer", "group:vision-ml", expires_at=NOW)], False, "no grant gives tracking:read"),
        (
            [grant("viewer", "group:vision-ml", expires_at=NOW + timedelta(hours=1))],
            True,
            "allow viewer to group vision-ml in every project of vision until 2026-11-21T13:00:00Z",
        ),
    ],
)
def test_a_decision_names_the_grant_that_made_it(grants: list[Grant], *, allowed: bool, rule: str) -> None:
    decision = authorizer(*grants).decide(ALICE, "vision", "segmentation", Permission.TRACKING_READ)
    assert (decision.allowed, decision.rule, decision.revision) == (allowed, rule, 7)


def test_a_grant_that_expires_between_two_snapshots_ends_on_time() -> None:
    clock = Clock()
    door = authorizer(grant("viewer", "group:vision-ml", expires_at=NOW + timedelta(seconds=10)), clock=clock)
    allowed = []
    for _ in range(3):
        allowed.append(door.decide(ALICE, "vision", "segmentation", Permission.TRACKING_READ).allowed)
        clock.now += 5
    assert allowed == [True, True, False]


def test_a_deny_that_expires_gives_back_what_it_took() -> None:
    clock = Clock()
    deny = grant("viewer", "user:alice@example.org", effect="deny", expires_at=NOW + timedelta(seconds=10))
    door = authorizer(deny, grant("viewer", "group:vision-ml"), clock=clock)
    before = door.decide(ALICE, "vision", "segmentation", Permission.TRACKING_READ)
    clock.now += 10
    after = door.decide(ALICE, "vision", "segmentation", Permission.TRACKING_READ)
    assert (before.allowed, after.allowed) == (False, True)


def test_a_revoked_grant_is_gone_with_the_next_snapshot() -> None:
    snapshots = [Snapshot(1, grants=(grant("viewer", "group:vision-ml"),)), Snapshot(2)]
    door = Authorizer(lambda: snapshots[0])
    assert door.decide(ALICE, "vision", "segmentation", Permission.TRACKING_READ).allowed
    del snapshots[0]
    assert not door.decide(ALICE, "vision", "segmentation", Permission.TRACKING_READ).allowed


@pytest.mark.parametrize(
    ("scope", "allowed", "rule"),
    [
        (TokenScope(), True, "allow admin to group vision-ml in every project of vision"),
        (TokenScope("vision", "segmentation"), True, "allow admin to group vision-ml in every project of vision"),
        (TokenScope("language"), False, "the token is bound to workspace language"),
        (TokenScope("vision", "detection"), False, "the token is bound to project vision/detection"),
        (
            TokenScope(permissions=frozenset({Permission.TRACKING_WRITE})),
            False,
            "the token is bound to other permissions than tracking:read",
        ),
        (TokenScope(permissions=frozenset({Permission.AUDIT_READ})), False, None),
    ],
)
def test_the_scope_of_a_token_only_takes_away(scope: TokenScope, *, allowed: bool, rule: str | None) -> None:
    who = Principal(PrincipalKind.PERSON, "alice@example.org", groups=frozenset({"vision-ml"}), scope=scope)
    decision = authorizer(grant("admin", "group:vision-ml")).decide(
        who, "vision", "segmentation", Permission.TRACKING_READ
    )
    assert decision.allowed is allowed
    assert rule is None or decision.rule == rule


def test_only_a_grant_on_the_whole_workspace_answers_for_the_workspace() -> None:
    narrow = authorizer(grant("auditor", "group:vision-ml", "segmentation"))
    wide = authorizer(grant("auditor", "group:vision-ml"))
    decisions = [door.decide(ALICE, "vision", None, Permission.AUDIT_READ).allowed for door in (narrow, wide)]
    assert decisions == [False, True]


def test_a_service_account_is_not_a_person_of_the_same_name() -> None:
    door = authorizer(grant("viewer", "serviceAccount:train/runner"))
    person = Principal(PrincipalKind.PERSON, "train/runner")
    decisions = [
        door.decide(who, "vision", "segmentation", Permission.TRACKING_READ).allowed for who in (RUNNER, person)
    ]
    assert decisions == [True, False]


def test_an_anonymous_principal_holds_nothing() -> None:
    nobody = Principal(PrincipalKind.ANONYMOUS, "", groups=frozenset({"vision-ml"}))
    door = authorizer(grant("admin", "group:vision-ml"))
    assert not door.decide(nobody, "vision", "segmentation", Permission.PROJECT_OPEN).allowed


def test_every_role_has_permissions_and_only_auditors_see_the_log() -> None:
    assert set(ROLE_PERMISSIONS) == set(Role)
    readers = {role for role, held in ROLE_PERMISSIONS.items() if Permission.AUDIT_READ in held}
    assert readers == {Role.AUDITOR}
    assert ROLE_PERMISSIONS[Role.AUDITOR] == {Permission.AUDIT_READ, Permission.AUDIT_EXPORT}
