"""The memory of the custom resources: news that come late take nothing away that is newer."""

from __future__ import annotations

from typing import Any

from tenantry_operator.facts import ProjectKey
from tenantry_operator.sources.resources import Shelf

ROADS = ProjectKey("vision", "roads")


def project(version: int, uid: str = "first") -> dict[str, Any]:
    metadata = {"name": "roads", "namespace": "ws-vision", "uid": uid, "resourceVersion": str(version)}
    return {
        "apiVersion": "tenantry.dev/v1alpha1",
        "kind": "Project",
        "metadata": metadata,
        "spec": {"owner": "group:a"},
    }


def test_the_end_of_the_first_life_does_not_end_the_second() -> None:
    shelf = Shelf()
    shelf.put(project(5))
    shelf.put(project(9, uid="second"))
    assert shelf.remove(project(7)) is None
    assert shelf.get(ROADS) is not None
    assert shelf.remove(project(10, uid="second")) is not None
    assert shelf.get(ROADS) is None


def test_the_answer_to_a_write_that_comes_after_the_end_does_not_bring_it_back() -> None:
    shelf = Shelf()
    shelf.put(project(5))
    assert shelf.remove(project(7)) is not None
    assert shelf.put(project(6))[1] is False
    assert shelf.put(project(7))[1] is False
    assert shelf.get(ROADS) is None
    assert shelf.put(project(8, uid="second"))[1] is True
    assert shelf.get(ROADS) is not None


def test_a_list_says_nothing_of_what_came_after_it() -> None:
    shelf = Shelf()
    shelf.put(project(9))
    assert shelf.keep_only("Project", frozenset(), version=8) == []
    assert shelf.get(ROADS) is not None
    assert [one.name for one in shelf.keep_only("Project", frozenset(), version=9)] == ["roads"]
    assert shelf.get(ROADS) is None
