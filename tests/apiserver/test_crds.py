"""The real API server takes our kinds, and judges manifests as our own models do, in the same words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tenantry_crds.manifest import parse
from tests.support.apiserver import ApiServer
from tests.support.kinds import API, PROJECTS, WORKSPACES, create, install, kinds, merge, remove
from tests.support.manifests import INVALID, VALID, cel_messages, project, workspace

# Nothing that can be sent: no object, or of no kind that has an address.
_NO_RESOURCE = {"an empty file", "a list", "another kind", "a kind that is no text"}
# A rule cannot see the namespace: these are told apart by the operator.
_NAMESPACES = ("a workspace in a namespace", "a project in no namespace", "a project in another namespace")
# The API server's own checks come first, and say it in its words.
_NO_RULE = {"an empty name", "a duration that is a number", "an amount that is a truth"}

_JUDGED = [case for case in INVALID if case not in {*_NO_RESOURCE, *_NAMESPACES}]
_RULED = {
    case: (document, message)
    for case, (document, field, reason) in INVALID.items()
    if case not in _NO_RULE
    for message in cel_messages()
    if f"{field} {reason}".endswith(message)
}
_SEGMENTATION = f"{PROJECTS}/segmentation"


@pytest.fixture
def segmentation(kubernetes: ApiServer) -> Iterator[dict[str, Any]]:
    """The least project there can be, created."""
    made = create(kubernetes, project())
    assert made.status == 201, made
    yield made.body
    assert kubernetes.ask("DELETE", _SEGMENTATION).status == 200


def test_both_kinds_are_established_without_a_complaint(kubernetes: ApiServer) -> None:
    for definition in kinds(kubernetes).values():
        conditions = {it["type"]: it["status"] for it in definition["status"]["conditions"]}
        assert conditions == {"Established": "True", "NamesAccepted": "True"}


@pytest.mark.parametrize("case", VALID)
def test_accepts_what_the_models_accept_and_keeps_what_they_read(kubernetes: ApiServer, case: str) -> None:
    made = create(kubernetes, VALID[case], dry=True)
    assert made.status == 201, made
    assert parse(made.body).spec == parse(VALID[case]).spec


@pytest.mark.parametrize("case", _JUDGED)
def test_refuses_what_the_models_refuse(kubernetes: ApiServer, case: str) -> None:
    document: Any = INVALID[case][0]
    refused = create(kubernetes, {"kind": "Workspace"} | document, dry=True)
    assert refused.status in {400, 404, 422}, refused


@pytest.mark.parametrize("case", _RULED)
def test_says_what_the_models_say_where_the_rule_is_ours(kubernetes: ApiServer, case: str) -> None:
    document, message = _RULED[case]
    assert message in create(kubernetes, document, dry=True).message


@pytest.mark.parametrize("case", _NAMESPACES)
def test_leaves_the_namespace_to_the_operator(kubernetes: ApiServer, case: str) -> None:
    document: Any = INVALID[case][0]
    assert create(kubernetes, document, dry=True).status == 201


def test_fills_in_what_the_models_fill_in(segmentation: dict[str, Any]) -> None:
    assert segmentation["spec"] == {
        "owner": "group:vision-leads",
        "artifacts": {"serviceAccountAnnotations": {}},
        "tracking": {"version": "3.17.2", "size": "small"},
        "isolation": "pod",
        "hibernation": {},
        "promotion": {"requireReason": False},
        "quota": {},
        "deletionPolicy": "Retain",
    }
    assert segmentation["status"] == {"phase": "Pending"}
    assert parse(segmentation) == parse(project())


def test_drops_what_is_not_known_when_nobody_asks_for_strictness(kubernetes: ApiServer) -> None:
    misspelt = project(hibernate={"after": "2h"})
    made = kubernetes.ask("POST", f"{PROJECTS}?fieldValidation=Ignore&dryRun=All", misspelt)
    assert made.status == 201, made
    assert "hibernate" not in made.body["spec"]


def test_the_status_is_written_apart_from_the_spec(kubernetes: ApiServer, segmentation: dict[str, Any]) -> None:
    change = {"spec": {"displayName": "Roads"}, "status": {"phase": "Ready"}}
    spec_changed = merge(kubernetes, _SEGMENTATION, change).body
    assert (spec_changed["spec"]["displayName"], spec_changed["status"]["phase"]) == ("Roads", "Pending")
    assert spec_changed["metadata"]["generation"] == segmentation["metadata"]["generation"] + 1
    change = {"spec": {"displayName": "Lanes"}, "status": {"phase": "Ready"}}
    status_changed = merge(kubernetes, f"{_SEGMENTATION}/status", change).body
    assert (status_changed["spec"]["displayName"], status_changed["status"]["phase"]) == ("Roads", "Ready")
    assert status_changed["metadata"]["generation"] == spec_changed["metadata"]["generation"]


@pytest.mark.parametrize("field", ["database", "artifacts"])
@pytest.mark.parametrize("later", ["elsewhere", "", None])
def test_where_the_data_lies_is_set_once(
    kubernetes: ApiServer, segmentation: dict[str, Any], field: str, later: str | None
) -> None:
    status = f"{_SEGMENTATION}/status"
    assert merge(kubernetes, status, {"status": {field: "here"}}).status == 200
    refused = merge(kubernetes, status, {"status": {field: later}})
    assert refused.status == 422
    assert f"{field} cannot change: data is found by it" in refused.message
    assert merge(kubernetes, status, {"status": {"phase": "Ready"}}).status == 200


@pytest.mark.parametrize(
    ("first", "later", "field"),
    [
        ({}, {"bucket": "models"}, "bucket"),
        ({"secretName": "key"}, {"bucket": "models", "prefix": "team/"}, "prefix"),
        ({"bucket": "models"}, {"prefix": "team/"}, "prefix"),
        ({"bucket": "models"}, {"bucket": "others"}, "bucket"),
        ({"bucket": "models"}, {"bucket": None}, "bucket"),
        ({"bucket": "models", "prefix": "team/"}, {"prefix": None}, "prefix"),
        ({"bucket": "models"}, None, "bucket"),
    ],
)
def test_where_the_data_shall_lie_is_said_at_first_or_never(
    kubernetes: ApiServer, first: dict[str, str], later: dict[str, str | None] | None, field: str
) -> None:
    assert create(kubernetes, project(artifacts=first)).status == 201
    refused = merge(kubernetes, _SEGMENTATION, {"spec": {"artifacts": later}})
    others = merge(kubernetes, _SEGMENTATION, {"spec": {"artifacts": {"secretName": "another"}}})
    assert kubernetes.ask("DELETE", _SEGMENTATION).status == 200
    assert refused.status == 422
    assert f"{field} cannot be named, changed or left out later: data is found by it" in refused.message
    assert others.status == 200


@pytest.mark.parametrize(("plural", "short", "namespaced"), [("workspaces", "ws", False), ("projects", "proj", True)])
def test_kubectl_knows_the_kind_by_its_names(kubernetes: ApiServer, plural: str, short: str, namespaced: bool) -> None:  # noqa: FBT001 - a column
    (found,) = (it for it in kubernetes.ask("GET", API).body["resources"] if it["name"] == plural)
    assert (found["shortNames"], found["categories"], found["namespaced"]) == ([short], ["tenantry"], namespaced)


def test_kubectl_shows_a_project_in_a_row(kubernetes: ApiServer, segmentation: dict[str, Any]) -> None:
    ready = {"type": "Ready", "status": "True", "reason": "AllReady"}
    url = "https://tenantry.example.org/w/vision/p/segmentation"
    status = {"phase": "Ready", "version": "3.17.2", "url": url, "conditions": [ready]}
    assert merge(kubernetes, f"{_SEGMENTATION}/status", {"status": status}).status == 200
    columns, rows = _table(kubernetes, PROJECTS)
    assert columns == ["Name", "Ready", "Phase", "Version", "URL", "Age"]
    assert [row[:-1] for row in rows] == [["segmentation", "True", "Ready", "3.17.2", url]]


def test_kubectl_shows_a_workspace_in_a_row(kubernetes: ApiServer) -> None:
    path = f"{WORKSPACES}/vision"
    assert create(kubernetes, workspace()).status == 201
    assert merge(kubernetes, f"{path}/status", {"status": {"projects": 2}}).status == 200
    columns, rows = _table(kubernetes, WORKSPACES)
    assert kubernetes.ask("DELETE", path).status == 200
    assert columns == ["Name", "Ready", "Phase", "Projects", "Age"]
    assert [row[:-1] for row in rows] == [["vision", None, "Pending", 2]]


def test_a_kind_that_was_deleted_can_be_installed_again(kubernetes: ApiServer) -> None:
    assert create(kubernetes, workspace()).status == 201
    remove(kubernetes)
    assert kubernetes.ask("GET", WORKSPACES).status == 404
    install(kubernetes)
    assert kubernetes.ask("GET", WORKSPACES).body["items"] == []


def _table(server: ApiServer, path: str) -> tuple[list[str], list[list[object]]]:
    """Names of the columns, and the cells of each row, as kubectl asks for them."""
    table = server.ask("GET", path, accept="application/json;as=Table;v=v1;g=meta.k8s.io").body
    return [it["name"] for it in table["columnDefinitions"]], [row["cells"] for row in table["rows"]]
