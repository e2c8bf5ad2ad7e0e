"""The short way to a decision, by index and cache, says what plain Casbin says on all the lines."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from tenantry_api.authorize import Authorizer
from tenantry_api.authorize.enforcer import new_enforcer
from tenantry_api.authorize.policy import policy_line, subjects_of
from tenantry_api.facts import Permission, Principal, PrincipalKind
from tenantry_api.snapshot import Grant, Snapshot
from tenantry_crds.meta import Role

WORKSPACES = st.sampled_from(["vision", "language"])
PROJECTS = st.sampled_from(["alpha", "beta"])
NAMES = st.sampled_from(["ann", "ben", "ml"])
SECONDS = st.integers(min_value=0, max_value=6)


@st.composite
def grants(draw: st.DrawFn) -> Grant:
    expires = draw(st.none() | SECONDS)
    return Grant(
        id=draw(st.integers(1, 99)),
        workspace=draw(WORKSPACES),
        project=draw(st.none() | PROJECTS),
        role=draw(st.sampled_from(Role)).value,
        effect=draw(st.sampled_from(["allow", "allow", "deny"])),
        subject_kind=draw(st.sampled_from(["user", "group", "serviceAccount"])),
        subject=draw(NAMES),
        expires_at=None if expires is None else datetime.fromtimestamp(expires, UTC),
    )


PRINCIPALS = st.builds(
    Principal, kind=st.sampled_from(PrincipalKind), name=NAMES, groups=st.frozensets(NAMES, max_size=2)
)
QUESTIONS = st.tuples(PRINCIPALS, WORKSPACES, st.none() | PROJECTS, st.sampled_from(Permission))


@settings(max_examples=150, deadline=None)
@given(st.lists(grants(), max_size=12), st.lists(st.tuples(SECONDS, QUESTIONS), max_size=12))
def test_the_indexed_and_cached_decision_is_casbins_own(
    held: list[Grant], asked: list[tuple[int, tuple[Principal, str, str | None, Permission]]]
) -> None:
    plain = new_enforcer()
    plain.model["p"]["p"].policy = [policy_line(grant) for grant in held]
    now = [0.0]
    door = Authorizer(lambda: Snapshot(1, grants=tuple(held)), lambda: now[0])
    for second, (principal, workspace, project, permission) in sorted(asked, key=lambda item: item[0]):
        now[0] = float(second)
        question = (subjects_of(principal), workspace, project or "", permission.value, now[0])
        assert door.decide(principal, workspace, project, permission).allowed == plain.enforce(*question)
