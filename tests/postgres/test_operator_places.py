"""Whose place in an object store it is, as the catalog remembers it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from tenantry_catalog.engine import sync_engine
from tenantry_operator.errors import ProvisionFailed
from tenantry_operator.facts import BucketPlan, ProjectKey
from tenantry_operator.places import stay
from tenantry_operator.plan.workspace import plan_workspace
from tenantry_operator.publish import Catalog
from tests.support.plans import golden_plan, resources
from tests.support.postgres import CatalogDatabase
from tests.support.s3 import plan_for

_WORKSPACE = plan_workspace(resources("defaults")[0])


@dataclass(frozen=True)
class Places:
    """Projects of one workspace in one bucket, each at a prefix; an empty one is the whole bucket."""

    catalog: Catalog

    def key(self, project: str) -> ProjectKey:
        return ProjectKey(_WORKSPACE.key.workspace, project)

    def at(self, project: str, prefix: str) -> BucketPlan:
        return replace(plan_for(project, "shared"), prefix=prefix)

    def publish(self, project: str, prefix: str, *, stored: bool = True) -> None:
        plan = replace(golden_plan("defaults"), key=self.key(project), artifacts=self.at(project, prefix))
        self.catalog.publish_project(_WORKSPACE, plan, lambda _: (), stored=stored)

    def place(self, project: str) -> str:
        published = self.catalog.project(self.key(project))
        assert published
        return published.artifacts

    def holder(self, project: str, prefix: str) -> str | None:
        found = self.catalog.holder(self.key(project), self.at(project, prefix))
        return found.project if found else None


@pytest.fixture
def places(catalog: CatalogDatabase) -> Iterator[Places]:
    engine = sync_engine(catalog.operator_url, application="tests")
    yield Places(Catalog(engine))
    engine.dispose()


def test_whoever_only_names_a_place_closes_it_to_nobody(places: Places) -> None:
    places.publish("greedy", "", stored=False)
    assert places.place("greedy") == ""
    assert places.holder("modest", "team/") is None
    places.publish("modest", "team/")
    assert (places.place("modest"), places.holder("modest", "team/")) == ("s3://shared/team/", None)
    # Though it was named before.
    assert places.holder("greedy", "") == "modest"


@pytest.mark.parametrize(("prefix", "overlaps"), [("", True), ("team/", True), ("team/a/", True), ("team-2/", False)])
def test_a_place_that_overlaps_is_held_too(places: Places, prefix: str, overlaps: bool) -> None:  # noqa: FBT001 a column
    places.publish("first", "team/")
    assert places.holder("second", prefix) == ("first" if overlaps else None)


def test_of_two_that_were_made_side_by_side_one_holds_the_place(places: Places) -> None:
    for project, prefix in (("first", "team/"), ("second", "team/inner/")):
        assert places.holder(project, prefix) is None or project == "second"
        places.publish(project, prefix)
    assert (places.place("first"), places.place("second")) == ("s3://shared/team/", "")
    assert (places.holder("first", "team/"), places.holder("second", "team/inner/")) == (None, "first")


def test_a_passing_failure_gives_no_place_away_and_neither_does_a_removal(places: Places) -> None:
    places.publish("first", "team/")
    places.publish("first", "team/", stored=False)
    assert places.holder("second", "team/") == "first"
    places.catalog.retire_project(places.key("first"), lambda _: ())
    assert places.holder("second", "team/") == "first"
    places.catalog.delete_project(places.key("first"))
    assert places.holder("second", "team/") is None


def test_a_place_that_is_held_is_not_moved(places: Places) -> None:
    stay(places.at("first", "team/"), places.catalog.held(places.key("first")))  # There is none yet.
    places.publish("first", "team/")
    stay(places.at("first", "team/"), places.catalog.held(places.key("first")))
    with pytest.raises(ProvisionFailed, match="lie in s3://shared/team/, and would be looked for in s3://shared/els"):
        stay(places.at("first", "elsewhere/"), places.catalog.held(places.key("first")))
    places.publish("first", "elsewhere/")
    assert places.place("first") == "s3://shared/team/"
