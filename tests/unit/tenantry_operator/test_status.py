"""Conditions: what is named as the blocker, and what stays the same."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tenantry_crds.meta import Condition, ConditionStatus, ConditionType, DeletionPolicy, Phase
from tenantry_operator.facts import Observed, Probe
from tenantry_operator.status import conditions_of, dated, is_ready, orphaned, project_status, refused, retired
from tests.support.plans import golden_plan

WELL = Probe(True, "Fine", "fine")
BAD = Probe(False, "Broken", "it is broken: mend it")
ALL_WELL = Observed(WELL, WELL, WELL, WELL)
NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)
# Without annotations, notes or grants that could colour the answer.
PLAN = replace(golden_plan("full"), notes=())
READY = conditions_of(PLAN, ALL_WELL, PLAN.access)


def ready_of(conditions: tuple[Condition, ...]) -> tuple[bool, str, str]:
    (ready,) = (condition for condition in conditions if condition.type is ConditionType.READY)
    return ready.status is ConditionStatus.TRUE, ready.reason, ready.message


def test_all_six_conditions_stand_sorted_by_type() -> None:
    assert [condition.type for condition in READY] == sorted(ConditionType)


def test_a_project_is_ready_when_every_probe_succeeds() -> None:
    assert ready_of(READY) == (True, "Ready", "all probes succeed")
    assert is_ready(READY)


@pytest.mark.parametrize(
    ("found", "blocker"),
    [
        ({"database": BAD}, "DatabaseReady"),
        ({"storage": BAD}, "StorageReady"),
        ({"backend": BAD}, "BackendAvailable"),
        ({"isolation": BAD}, "IsolationReady"),
        # What breaks the others is named before them.
        ({"backend": BAD, "isolation": BAD, "storage": BAD}, "StorageReady"),
        ({"backend": BAD, "isolation": BAD, "database": BAD}, "DatabaseReady"),
    ],
)
def test_ready_names_the_first_blocker(found: dict[str, Probe], blocker: str) -> None:
    conditions = conditions_of(PLAN, replace(ALL_WELL, **found), PLAN.access)
    assert ready_of(conditions) == (False, blocker, f"{blocker}: it is broken: mend it")
    assert not is_ready(conditions)


def test_grants_that_were_not_read_back_block() -> None:
    conditions = conditions_of(PLAN, ALL_WELL, frozenset())
    assert ready_of(conditions)[:2] == (False, "AccessPublished")


@pytest.mark.parametrize(
    ("change", "problem", "ready"),
    [
        (
            {"fenced": True},
            "",
            (False, "Fenced", "every request is refused until the annotation tenantry.dev/fence is removed"),
        ),
        (
            {"paused": True},
            "",
            (True, "Paused", "nothing is changed until the annotation tenantry.dev/pause is removed"),
        ),
        (
            {},
            "a.yaml: spec.owner is required: add it",
            (
                True,
                "LastGoodManifest",
                "the last good version of the manifest is in force: a.yaml: spec.owner is required: add it",
            ),
        ),
        ({"notes": ("one", "two")}, "", (True, "Ready", "all probes succeed; one; two")),
    ],
)
def test_ready_says_what_else_a_person_should_know(
    change: dict[str, object], problem: str, ready: tuple[bool, str, str]
) -> None:
    plan = replace(PLAN, **change)  # type: ignore[arg-type]
    assert ready_of(conditions_of(plan, ALL_WELL, plan.access, problem)) == ready


def test_conditions_carry_the_generation_of_their_manifest() -> None:
    assert {condition.observed_generation for condition in READY} == {7}


def test_the_time_of_a_transition_is_kept_while_the_status_is_the_same() -> None:
    first = dated(READY, (), NOON)
    assert {condition.last_transition_time for condition in first} == {NOON}
    assert dated(READY, first, LATER) == first


def test_only_what_changed_gets_a_new_time() -> None:
    first = dated(READY, (), NOON)
    now = dated(conditions_of(PLAN, replace(ALL_WELL, storage=BAD), PLAN.access), first, LATER)
    moved = {condition.type for condition in now if condition.last_transition_time == LATER}
    assert moved == {ConditionType.READY, ConditionType.STORAGE_READY}


def test_a_project_without_its_workspace_says_what_to_add() -> None:
    message = "workspace vision is not declared: add a Workspace of this name"
    assert ready_of(orphaned(READY, "vision", 1)) == (False, "WorkspaceMissing", message)


@pytest.mark.parametrize(
    ("policy", "word"), [(DeletionPolicy.RETAIN, "is kept"), (DeletionPolicy.ARCHIVE, "until it is archived")]
)
def test_a_retired_project_says_that_its_data_is_kept(policy: DeletionPolicy, word: str) -> None:
    held, reason, message = ready_of(retired(READY, policy))
    assert (held, reason) == (False, "Retired")
    assert word in message
    assert [condition.type for condition in retired(READY, policy)] == sorted(ConditionType)


def test_whoever_wrote_much_that_is_wrong_reads_how_it_begins() -> None:
    problem = "; ".join(f"spec.access[0].users[{number}] must be in lower case" for number in range(100))
    message = refused(problem).message
    assert len(message) == 4096
    assert message.startswith("nothing is made of it: spec.access[0].users[0] must be in lower case; ")
    assert message.endswith("…")


def test_a_probe_with_much_to_say_breaks_nothing() -> None:
    conditions = conditions_of(PLAN, replace(ALL_WELL, backend=Probe(False, "Broken", "x" * 10_000)), PLAN.access)
    assert ready_of(conditions)[2].startswith("BackendAvailable: xxx")


STARTING = Probe(False, "Starting", "its pod starts")
WAITS = Probe(False, "NotSeen", "waits for BackendAvailable")
BLOCKED = Probe(False, "Blocked", "waits for DatabaseReady and StorageReady")


@pytest.mark.parametrize(
    ("found", "change", "asleep", "phase"),
    [
        ({}, {}, False, Phase.READY),
        ({}, {}, True, Phase.HIBERNATED),
        ({}, {"paused": True}, False, Phase.PAUSED),
        ({"backend": BAD}, {"fenced": True}, False, Phase.FENCED),
        # What is on its way comes by itself.
        ({"backend": STARTING, "isolation": WAITS}, {}, False, Phase.PENDING),
        # For what is broken somebody has to do something, also when other things wait for it.
        ({"backend": BAD, "isolation": WAITS}, {}, False, Phase.FAILED),
        ({"storage": BAD, "backend": BLOCKED, "isolation": BLOCKED}, {}, False, Phase.FAILED),
        ({"database": BAD}, {}, True, Phase.FAILED),
    ],
)
def test_a_phase_says_whether_somebody_has_to_do_something(
    found: dict[str, Probe],
    change: dict[str, object],
    asleep: bool,  # noqa: FBT001  a column
    phase: Phase,
) -> None:
    plan = replace(PLAN, **change)  # type: ignore[arg-type]
    conditions = conditions_of(plan, replace(ALL_WELL, **found), plan.access)
    assert project_status(plan, conditions, None, artifacts="", asleep=asleep, public_url="").phase is phase
