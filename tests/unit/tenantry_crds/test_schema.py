"""The generated definitions keep the rules of a structural schema, and are what lies in the repository."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tenantry_crds import generate
from tenantry_crds.schema import definitions, structural

_FORBIDDEN = {"$ref", "additionalProperties", "allOf", "anyOf", "const", "discriminator", "not", "oneOf", "title"}


def _nodes(node: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, node
    for name, field in node.get("properties", {}).items():
        yield from _nodes(field, f"{path}.{name}")
    if "items" in node:
        yield from _nodes(node["items"], f"{path}[]")


def _version(plural: str) -> dict[str, Any]:
    (version,) = definitions()[plural]["spec"]["versions"]
    return dict(version)


_NODES = [
    pytest.param(path, node, id=path)
    for plural in definitions()
    for path, node in _nodes(_version(plural)["schema"]["openAPIV3Schema"], plural)
]


@pytest.mark.parametrize(("path", "node"), _NODES)
def test_every_node_is_structural(path: str, node: dict[str, Any]) -> None:
    closed = _FORBIDDEN & node.keys()
    # A mapping from any name to a text is open, and says so.
    assert not closed or (closed == {"additionalProperties"} and node["additionalProperties"]["type"] == "string")
    assert ("type" in node) != node.get("x-kubernetes-int-or-string", False)
    # Without bounds the API server cannot estimate what the rules cost, and refuses the definition.
    if node.get("type") == "string" and not {"enum", "format"} & node.keys():
        assert "maxLength" in node or path.endswith((".apiVersion", ".kind"))
    if node.get("type") == "array":
        assert "maxItems" in node


@pytest.mark.parametrize(("path", "node"), _NODES)
def test_every_field_is_described_in_sentences(path: str, node: dict[str, Any]) -> None:
    if path.endswith((".metadata", "[]")):
        return  # Kubernetes describes its own; an element is described by its list.
    assert node["description"].endswith(".")
    assert "\n" not in node["description"]


@pytest.mark.parametrize(
    ("plural", "scope", "short_name", "columns"),
    [
        ("workspaces", "Cluster", "ws", ["Ready", "Phase", "Projects", "Age"]),
        ("projects", "Namespaced", "proj", ["Ready", "Phase", "Version", "URL", "Age"]),
    ],
)
def test_kubectl_shows_what_people_look_for(plural: str, scope: str, short_name: str, columns: list[str]) -> None:
    spec = definitions()[plural]["spec"]
    assert (spec["scope"], spec["names"]["shortNames"]) == (scope, [short_name])
    assert [column["name"] for column in _version(plural)["additionalPrinterColumns"]] == columns
    assert _version(plural)["subresources"] == {"status": {}}


def test_conditions_merge_by_type() -> None:
    for plural in definitions():
        conditions = _version(plural)["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]["conditions"]
        assert conditions["x-kubernetes-list-type"] == "map"
        assert conditions["x-kubernetes-list-map-keys"] == ["type"]


def test_where_the_data_lies_cannot_change() -> None:
    status = _version("projects")["schema"]["openAPIV3Schema"]["properties"]["status"]
    assert [rule["message"] for rule in status["x-kubernetes-validations"]] == [
        "database cannot change: data is found by it",
        "artifacts cannot change: data is found by it",
    ]


def test_where_the_data_shall_lie_cannot_be_said_later() -> None:
    spec = _version("projects")["schema"]["openAPIV3Schema"]["properties"]["spec"]
    rules = spec["properties"]["artifacts"]["x-kubernetes-validations"]
    messages = [rule["message"] for rule in rules if "oldSelf" in rule["rule"]]
    assert messages == [
        f"{field} cannot be named, changed or left out later: data is found by it" for field in ("bucket", "prefix")
    ]


def test_a_choice_beside_null_is_put_in_place_and_its_own_words_win() -> None:
    written = structural(
        {"anyOf": [{"$ref": "#/$defs/Part"}, {"type": "null"}], "default": None, "description": "Of  the\nfield."},
        {"Part": {"type": "object", "title": "Part", "description": "Of the part.", "additionalProperties": False}},
    )
    assert written == {"type": "object", "description": "Of the field."}


def test_defaults_are_kept_where_they_say_something() -> None:
    properties = _version("projects")["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    assert properties["deletionPolicy"]["default"] == "Retain"
    assert properties["tracking"]["default"] == {}
    assert properties["tracking"]["properties"]["version"]["default"] == "3.17.2"
    assert properties["promotion"]["properties"]["requireReason"]["default"] is False
    assert "default" not in properties["access"]
    assert "default" not in properties["displayName"]


def test_the_files_in_the_repository_are_fresh() -> None:
    assert generate.main(["--check"]) == 0


def test_the_files_hold_no_anchor_and_read_back_as_the_definitions() -> None:
    texts = generate.manifests()
    assert {name: yaml.safe_load(text) for name, text in texts.items()} == {
        f"{plural}.yaml": definition for plural, definition in definitions().items()
    }
    assert not any("&id" in text for text in texts.values())


def test_a_stale_file_is_named_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generate, "DIRECTORY", tmp_path)
    assert generate.main([]) == 0
    (tmp_path / "projects.yaml").write_text("kind: Old\n")
    assert generate.main(["--check"]) == 1
    assert capsys.readouterr().err == "crds/manifests/projects.yaml is stale: run python -m tenantry_crds.generate\n"
