"""The directory as a source: told of every change, patient with editors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tenantry_operator.facts import Key, WorkspaceKey
from tenantry_operator.sources.directory import Directory
from tests.support.wait import until

WORKSPACE = (
    "apiVersion: tenantry.dev/v1alpha1\nkind: Workspace\nmetadata: {{name: {name}}}\nspec: {{displayName: {text}}}\n"
)
VISION = WorkspaceKey("vision")


@contextmanager
def watched(tmp_path: Path) -> Iterator[tuple[Directory, list[Key]]]:
    (tmp_path / "manifests").mkdir(exist_ok=True)
    changed: list[Key] = []
    source = Directory(tmp_path / "manifests", tmp_path / "state", changed.append)
    source.start()
    try:
        yield source, changed
    finally:
        source.stop()
        source.join()


def write(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / "manifests").mkdir(exist_ok=True)
    (tmp_path / "manifests" / f"{name}.yaml").write_text(WORKSPACE.format(name=name, text=text))


def display_name(source: Directory) -> str:
    found = source.workspace(VISION)
    return found.resource.spec.display_name if found else ""


def test_what_lies_there_at_the_start_is_told(tmp_path: Path) -> None:
    write(tmp_path, "vision", "Vision")
    with watched(tmp_path) as (source, changed):
        assert changed == [VISION]
        assert list(source.declared()) == [VISION]
        assert source.complete


def test_a_new_file_and_an_edit_are_told(tmp_path: Path) -> None:
    with watched(tmp_path) as (source, changed):
        write(tmp_path, "vision", "One")
        until(lambda: display_name(source) == "One")
        write(tmp_path, "vision", "Another")
        until(lambda: display_name(source) == "Another")
        # The source has the news before it tells of it.
        until(lambda: changed == [VISION, VISION])


def test_a_file_that_is_replaced_by_deleting_it_first_takes_nothing_away(tmp_path: Path) -> None:
    write(tmp_path, "vision", "One")
    with watched(tmp_path) as (source, _):
        (tmp_path / "manifests" / "vision.yaml").unlink()
        source._look()
        assert not source.workspace(VISION).removed  # type: ignore[union-attr]
        write(tmp_path, "vision", "Another")
        until(lambda: display_name(source) == "Another")


def test_a_removal_waits_for_its_release_and_is_then_forgotten(tmp_path: Path) -> None:
    write(tmp_path, "vision", "One")
    with watched(tmp_path) as (source, changed):
        (tmp_path / "manifests" / "vision.yaml").unlink()
        until(lambda: source.workspace(VISION).removed)  # type: ignore[union-attr]
        until(lambda: changed == [VISION, VISION])
        source.release(VISION)
        assert source.workspace(VISION) is None
    assert not list((tmp_path / "state").iterdir())


def test_a_release_of_what_is_declared_again_does_nothing(tmp_path: Path) -> None:
    write(tmp_path, "vision", "One")
    with watched(tmp_path) as (source, _):
        source.release(VISION)
        assert display_name(source) == "One"


def test_a_removal_that_was_not_released_is_told_again_by_the_next_start(tmp_path: Path) -> None:
    write(tmp_path, "vision", "One")
    with watched(tmp_path):
        (tmp_path / "manifests" / "vision.yaml").unlink()
    with watched(tmp_path) as (source, _):
        until(lambda: source.workspace(VISION).removed)  # type: ignore[union-attr]


def test_a_directory_that_is_not_there_says_nothing_about_what_is_declared(tmp_path: Path) -> None:
    write(tmp_path, "vision", "One")
    with watched(tmp_path):
        pass
    (tmp_path / "manifests").rename(tmp_path / "elsewhere")
    changed: list[Key] = []
    source = Directory(tmp_path / "manifests", tmp_path / "state", changed.append)
    source.start()
    assert not source.complete
    assert display_name(source) == "One"
    (tmp_path / "elsewhere").rename(tmp_path / "manifests")
    until(lambda: source.complete)
    source.stop()
    source.join()
