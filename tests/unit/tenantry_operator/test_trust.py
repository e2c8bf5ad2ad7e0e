"""What was found well a short while ago is believed, for this very plan and for a while."""

from __future__ import annotations

from dataclasses import replace

from tenantry_crds.meta import Condition, ConditionStatus, ConditionType
from tenantry_operator.facts import Observed, Probe
from tenantry_operator.publish import Published
from tenantry_operator.trust import Trust
from tests.support.plans import golden_plan

PLAN = golden_plan("defaults")
GOOD, BAD = Probe(True, "Fine", ""), Probe(False, "Broken", "")
WELL = Observed(GOOD, GOOD, GOOD, GOOD)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def published(status: ConditionStatus = ConditionStatus.TRUE, generation: int = PLAN.generation) -> Published:
    conditions = tuple(
        Condition(type=kind, status=status, reason="Fine", observed_generation=generation) for kind in ConditionType
    )
    return Published(PLAN.mlflow_version, conditions, retired=False, artifacts=PLAN.artifacts.location)


def test_what_was_well_is_believed_until_its_time_is_over() -> None:
    clock = Clock()
    trust = Trust(300, clock)
    trust.settle(PLAN, WELL)
    assert trust.recall(PLAN, None) == WELL
    clock.now = 301
    assert trust.recall(PLAN, None) is None


def test_another_plan_is_looked_at_anew() -> None:
    trust = Trust(300, Clock())
    trust.settle(PLAN, WELL)
    assert trust.recall(replace(PLAN, asked="again"), None) is None


def test_a_database_or_a_store_that_is_not_well_is_never_believed() -> None:
    for found in (replace(WELL, database=BAD), replace(WELL, storage=BAD)):
        trust = Trust(300, Clock())
        trust.settle(PLAN, found)
        assert trust.recall(PLAN, None) is None


def test_looking_in_passing_does_not_make_it_last_longer() -> None:
    clock = Clock()
    trust = Trust(300, clock)
    trust.settle(PLAN, WELL)
    clock.now = 200
    trust.settle(PLAN, WELL)
    clock.now = 301
    assert trust.recall(PLAN, None) is None


def test_after_a_start_what_was_published_of_this_generation_counts() -> None:
    assert Trust(300, Clock()).recall(PLAN, published()) is not None
    assert Trust(300, Clock()).recall(PLAN, published(generation=PLAN.generation + 1)) is None
    assert Trust(300, Clock()).recall(PLAN, published(ConditionStatus.FALSE)) is None
    assert Trust(300, Clock()).recall(PLAN, None) is None


def test_with_no_time_nothing_is_believed() -> None:
    trust = Trust(0, Clock())
    trust.settle(PLAN, WELL)
    assert trust.recall(PLAN, published()) is None


def test_a_project_that_does_not_hold_its_place_is_looked_at_anew() -> None:
    for place in ("", "/elsewhere"):
        trust = Trust(300, Clock())
        trust.settle(PLAN, WELL)
        assert trust.recall(PLAN, replace(published(), artifacts=place)) is None
