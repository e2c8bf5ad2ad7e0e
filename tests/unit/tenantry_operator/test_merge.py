"""What is in force, from files that come, go and break."""

import pytest

from tenantry_crds.manifest import Problem, parse
from tenantry_crds.project import Project
from tenantry_crds.workspace import Workspace
from tenantry_operator.facts import Key, ProjectKey, WorkspaceKey
from tenantry_operator.sources.files import File
from tenantry_operator.sources.merge import InForce, complaints, merge

ROADS = ProjectKey("vision", "roads")
VISION = WorkspaceKey("vision")
BROKEN = Problem("Project roads spec.owner", "is required: add it")


def workspace() -> Workspace:
    found = parse({"apiVersion": "tenantry.dev/v1alpha1", "kind": "Workspace", "metadata": {"name": "vision"}})
    assert isinstance(found, Workspace)
    return found


def project(display_name: str = "") -> Project:
    found = parse(
        {
            "apiVersion": "tenantry.dev/v1alpha1",
            "kind": "Project",
            "metadata": {"name": "roads", "namespace": "ws-vision"},
            "spec": {"owner": "user:alice@example.org", "displayName": display_name},
        }
    )
    assert isinstance(found, Project)
    return found


GOOD = File("a.yaml", (workspace(), project()))
IN_FORCE: dict[Key, InForce] = merge({}, [GOOD])


def test_what_good_files_declare_is_in_force() -> None:
    assert {VISION: InForce(workspace(), "a.yaml"), ROADS: InForce(project(), "a.yaml")} == IN_FORCE
    assert not list(complaints(IN_FORCE, [GOOD]))


def test_an_edit_replaces_what_was_in_force() -> None:
    merged = merge(IN_FORCE, [File("a.yaml", (workspace(), project("Roads")))])
    assert merged[ROADS] == InForce(project("Roads"), "a.yaml")


def test_what_is_gone_from_a_sound_file_is_removed_and_remembered() -> None:
    merged = merge(IN_FORCE, [File("a.yaml", (workspace(),))])
    assert merged[ROADS] == InForce(project(), "a.yaml", removed=True)


def test_what_was_removed_comes_back_with_its_manifest() -> None:
    removed = merge(IN_FORCE, [])
    assert merge(removed, [GOOD]) == IN_FORCE


@pytest.mark.parametrize("resources", [(), (workspace(),)])
def test_a_broken_file_leaves_its_last_good_version_in_force(resources: tuple[Workspace, ...]) -> None:
    file = File("a.yaml", resources, (BROKEN,))
    merged = merge(IN_FORCE, [file])
    assert merged[ROADS] == InForce(project(), "a.yaml", problem="a.yaml: Project roads spec.owner is required: add it")
    assert list(complaints(merged, [file])) == [("a.yaml", "Project roads spec.owner", "is required: add it")]


def test_a_broken_file_keeps_nobody_else_from_changing() -> None:
    other = File("b.yaml", (project("Roads"),))
    before = merge({}, [File("a.yaml", (workspace(),)), File("b.yaml", (project(),))])
    merged = merge(before, [File("a.yaml", (), (BROKEN,)), other])
    assert merged[ROADS] == InForce(project("Roads"), "b.yaml")
    assert not merged[VISION].removed


def test_another_file_does_not_take_over_what_stands_in_a_broken_one() -> None:
    files = [File("a.yaml", (), (BROKEN,)), File("b.yaml", (project("Thief"),))]
    assert merge(IN_FORCE, files)[ROADS].resource == project()


def test_a_manifest_that_moves_to_another_file_stays() -> None:
    merged = merge(IN_FORCE, [File("a.yaml", (workspace(),)), File("z.yaml", (project(),))])
    assert merged[ROADS] == InForce(project(), "z.yaml")


def test_of_two_files_that_declare_the_same_the_first_to_do_so_wins_and_both_are_named() -> None:
    files = [File("0.yaml", (project("Thief"),)), GOOD]
    merged = merge(IN_FORCE, files)
    assert merged[ROADS] == InForce(project(), "a.yaml")
    reason = "project vision/roads is declared in a.yaml already, which stays in force"
    assert list(complaints(merged, files)) == [("0.yaml", "metadata.name", reason)]


def test_of_two_documents_in_one_file_the_first_wins() -> None:
    files = [File("a.yaml", (workspace(), project("One"), project("Two")))]
    merged = merge({}, files)
    assert merged[ROADS].resource == project("One")
    reason = "project vision/roads is declared in a.yaml already, which stays in force"
    assert list(complaints(merged, files)) == [("a.yaml", "metadata.name", reason)]


def test_a_project_without_its_workspace_is_reported() -> None:
    files = [File("a.yaml", (project(),))]
    reason = "workspace vision of project roads is not declared: add a Workspace of this name"
    assert list(complaints(merge({}, files), files)) == [("a.yaml", "metadata.namespace", reason)]
