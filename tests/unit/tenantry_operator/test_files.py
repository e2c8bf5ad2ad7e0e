"""Manifests on disk: what is read, what is refused with which words, what is not looked at."""

from pathlib import Path

import pytest

from tenantry_operator.facts import ProjectKey, WorkspaceKey
from tenantry_operator.sources.files import File, Files, key_of

WORKSPACE = "apiVersion: tenantry.dev/v1alpha1\nkind: Workspace\nmetadata: {name: vision}\n"
PROJECT = (
    "apiVersion: tenantry.dev/v1alpha1\nkind: Project\nmetadata: {name: roads, namespace: ws-vision}\n"
    "spec: {owner: 'group:a'}\n"
)


def read(directory: Path) -> tuple[File, ...]:
    return Files(directory).read()


def test_every_document_of_every_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "b.yml").write_text(PROJECT)
    (tmp_path / "a.yaml").write_text(f"{WORKSPACE}---\n{PROJECT.replace('roads', 'signs')}")
    found = {file.path: [key_of(resource) for resource in file.resources] for file in read(tmp_path)}
    assert found == {
        "a.yaml": [WorkspaceKey("vision"), ProjectKey("vision", "signs")],
        "deep/b.yml": [ProjectKey("vision", "roads")],
    }


@pytest.mark.parametrize("name", ["README.md", ".hidden.yaml", "a.yaml~"])
def test_other_files_are_not_looked_at(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("{")
    assert read(tmp_path) == ()


@pytest.mark.parametrize(
    ("text", "field", "reason"),
    [
        ("", "", "is empty: delete the file if what it declared shall go"),
        ("# nothing yet\n---\n", "", "is empty: delete the file if what it declared shall go"),
        ("{", "", "is not YAML:"),
        ("a: 1\na: 2", "", "is not YAML: key a stands twice"),
        ("- 1", "", "must be a mapping with apiVersion, kind, metadata and spec"),
        (PROJECT.replace("group:a", "nobody"), "Project roads spec.owner", "must be group:<name> or user:"),
        (PROJECT.replace("v1alpha1", "v9"), "Project roads apiVersion", "must be tenantry.dev/v1alpha1"),
        (PROJECT + "status: {", "", "is not YAML:"),
        ("? [a]\n: b", "", "is not YAML: while constructing a mapping in"),
        (PROJECT + "expires: 2027-13-01T00:00:00Z", "", "holds a value that cannot be read: month must be in 1..12"),
        (PROJECT + f"runs: {'9' * 5000}", "", "holds a value that cannot be read:"),
        ("a: !!timestamp soon", "", "holds a value that cannot be read:"),
    ],
)
def test_a_broken_file_names_the_field_and_the_reason(tmp_path: Path, text: str, field: str, reason: str) -> None:
    (tmp_path / "a.yaml").write_text(text)
    (file,) = read(tmp_path)
    assert file.resources == ()
    assert file.problems[0].field == field
    assert file.problems[0].reason.startswith(reason)


def test_a_file_that_is_no_text_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xff\xfe\x00")
    assert read(tmp_path)[0].problems


def test_a_broken_document_keeps_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(f"{WORKSPACE}---\n{PROJECT.replace('group:a', 'x')}")
    (file,) = read(tmp_path)
    assert [key_of(resource) for resource in file.resources] == [WorkspaceKey("vision")]
    assert len(file.problems) == 1


def test_yaml_that_does_not_claim_to_be_a_manifest_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "users.yaml").write_text("users: [{name: alice}]")
    assert read(tmp_path) == (File("users.yaml"),)


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    files = Files(tmp_path)
    (tmp_path / "a.yaml").write_text(WORKSPACE)
    assert files.read() == files.read()
    (tmp_path / "a.yaml").write_text(WORKSPACE + "spec: {displayName: Vision}\n")
    assert files.read()[0].resources[0].spec.display_name == "Vision"


def test_a_directory_that_is_not_there_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="is not a directory: create it"):
        read(tmp_path / "nowhere")
