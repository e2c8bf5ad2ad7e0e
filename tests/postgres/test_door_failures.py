"""A mistake of the service, and what is on record of the request that met it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.support.door import ALICE, CatalogRows, client_of, recorded
from tests.support.postgres import CatalogDatabase

RUN = "/api/2.0/mlflow/runs/get?run_id=" + "a" * 32
ALIAS = "/api/v1/workspaces/vision/projects/future/models/digits/aliases/champion"


@pytest.fixture
def rows(catalog: CatalogDatabase) -> CatalogRows:
    """A project whose MLflow the door does not know, and one whose backend has an address that is none."""
    rows = CatalogRows(catalog)
    rows.project("vision", "future", mlflow_version="9.9.9")
    rows.project("vision", "lost")
    rows.backend("vision", "lost", "http://127.0.0.1:99999")
    rows.grant("vision", "promoter", ALICE)
    return rows


@pytest.fixture
def door(rows: CatalogRows, tmp_path: Path) -> Iterator[httpx2.Client]:
    with client_of(rows, tmp_path, at="") as client:
        yield client


def stages(rows: CatalogRows, answer: httpx2.Response, count: int, log: str = "vision") -> list[tuple[object, object]]:
    """And the status of each."""
    return [(event["stage"], event.get("status")) for event in recorded(rows, answer, count, log)]


def test_a_mistake_before_anything_was_done_is_a_refusal(door: httpx2.Client, rows: CatalogRows) -> None:
    answer = door.get(f"/w/vision/p/future{RUN}")
    assert (answer.status_code, answer.json()["error_code"]) == (500, "INTERNAL_ERROR")
    assert "9.9.9" not in answer.text
    assert stages(rows, answer, 1) == [("refusal", 500)]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("GET", RUN, None), ("POST", "/api/2.0/mlflow/runs/create", {"experiment_id": "1"})],
)
def test_a_mistake_after_the_intent_is_its_outcome(
    door: httpx2.Client, rows: CatalogRows, method: str, path: str, body: object
) -> None:
    answer = door.request(method, f"/w/vision/p/lost{path}", json=body)
    assert answer.status_code == 500
    assert stages(rows, answer, 2) == [("intent", None), ("outcome", 500)]


def test_an_address_with_a_slash_too_many_is_unknown_and_on_record(door: httpx2.Client, rows: CatalogRows) -> None:
    """A redirect would be made of the Host that the client named."""
    answer = door.get("/api/v1/me/", headers={"Host": "evil.example"})
    assert (answer.status_code, answer.json()["reason"]) == (404, "address_unknown")
    assert "location" not in answer.headers
    assert stages(rows, answer, 1, log="_installation") == [("refusal", 404)]


def test_a_log_that_is_not_the_callers_is_refused_by_a_rule_that_is_on_record(
    door: httpx2.Client, rows: CatalogRows
) -> None:
    answer = door.get("/api/v1/workspaces/vision/audit/events")
    assert answer.status_code == 403
    assert stages(rows, answer, 1) == [("refusal", 403)]
    (refusal,) = recorded(rows, answer, 1)
    assert refusal["decision"]["rule"] == "no grant gives audit:read"


def test_a_body_that_no_call_needs_is_refused_before_it_is_held(door: httpx2.Client, rows: CatalogRows) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for path, headers in (("/api/v1/tokens", {}), ("/tokens", form)):
        answer = httpx2.post(door.base_url.join(path), content=b"0" * (2 * 2**20), headers=headers)
        assert answer.status_code == 413, path
        assert stages(rows, answer, 1, log="_installation") == [("refusal", 413)]


def test_the_apis_mistakes_are_problems_and_on_record(door: httpx2.Client, rows: CatalogRows) -> None:
    answer = door.put(ALIAS, json={"version": "2"})
    assert (answer.status_code, answer.json()["reason"]) == (500, "internal_error")
    assert answer.headers["content-type"] == "application/problem+json"
    assert stages(rows, answer, 1) == [("refusal", 500)]
