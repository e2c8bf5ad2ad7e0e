"""A project that wants reasons gets them, also from callers who have no way to give one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.support.door import ALICE, CatalogRows, client_of, recorded
from tests.support.postgres import CatalogDatabase
from tests.support.upstream import Upstream, json_answer, upstream

ALIAS = "/w/vision/p/roads/api/2.0/mlflow/registered-models/alias"
OURS = "/api/v1/workspaces/vision/projects/roads/models/digits/aliases/champion"


@pytest.fixture
def rows(catalog: CatalogDatabase) -> CatalogRows:
    rows = CatalogRows(catalog)
    rules = {"protectedAliases": ["champion"], "requireReason": True}
    rows.project("vision", "roads", promotion=json.dumps(rules))
    rows.grant("vision", "promoter", ALICE)
    return rows


@pytest.fixture
def backend(rows: CatalogRows) -> Iterator[Upstream]:
    with upstream() as running:
        running.answer = json_answer(b'{"registered_model": {"name": "digits"}}')
        rows.backend("vision", "roads", running.address)
        yield running


@pytest.fixture
def door(rows: CatalogRows, backend: Upstream, tmp_path: Path) -> Iterator[httpx2.Client]:
    with client_of(rows, tmp_path, at="") as client:
        yield client


def _body(alias: str) -> dict[str, str]:
    return {"name": "digits", "alias": alias, "version": "2"}


def test_the_stock_client_moves_no_guarded_alias(door: httpx2.Client, backend: Upstream, rows: CatalogRows) -> None:
    refused = door.post(ALIAS, json=_body("champion"))
    assert (refused.status_code, refused.json()["error_code"]) == (422, "INVALID_PARAMETER_VALUE")
    assert refused.json()["message"].startswith("reason: ")
    assert backend.received == []
    (record,) = recorded(rows, refused, 1)
    assert record["stage"] == "refusal"


def test_the_stock_client_takes_no_guarded_alias_away(door: httpx2.Client, backend: Upstream) -> None:
    refused = door.request("DELETE", ALIAS, json={"name": "digits", "alias": "champion"})
    assert refused.status_code == 422
    assert backend.received == []


def test_other_aliases_move_as_ever(door: httpx2.Client, backend: Upstream) -> None:
    assert door.post(ALIAS, json=_body("challenger")).status_code == 200
    assert "POST" in {received.method for received in backend.received}


DELETE_VERSION = ALIAS.replace("registered-models/alias", "model-versions/delete")
MODEL = b'{"registered_model": {"name": "digits", "aliases": [{"alias": "champion", "version": "2"}]}}'


def test_a_stages_record_says_whether_others_were_archived(
    door: httpx2.Client, backend: Upstream, rows: CatalogRows
) -> None:
    stage = ALIAS.replace("registered-models/alias", "model-versions/transition-stage")
    asked = {"name": "digits", "version": "2", "stage": "Production", "archive_existing_versions": True}
    intent, _ = recorded(rows, door.post(stage, json=asked), 2)
    assert intent["details"]["archive_existing_versions"] is True


def test_no_guarded_alias_goes_away_with_its_version(door: httpx2.Client, backend: Upstream, rows: CatalogRows) -> None:
    backend.answer = json_answer(MODEL)
    refused = door.request("DELETE", DELETE_VERSION, json={"name": "digits", "version": "2"})
    assert (refused.status_code, refused.json()["message"][:8]) == (422, "reason: ")
    assert {received.method for received in backend.received} == {"GET"}
    (record,) = recorded(rows, refused, 1)
    assert (record["stage"], record["reason"]) == ("refusal", "reason_required")


def test_what_goes_away_with_a_version_is_on_record(door: httpx2.Client, backend: Upstream, rows: CatalogRows) -> None:
    backend.answer = json_answer(MODEL.replace(b"champion", b"shadow"))
    assert door.request("DELETE", DELETE_VERSION, json={"name": "digits", "version": "3"}).status_code == 200
    deleted = door.request("DELETE", DELETE_VERSION, json={"name": "digits", "version": "2"})
    intent, outcome = recorded(rows, deleted, 2)
    before = [{"alias": "shadow", "version": "2"}]
    assert intent["details"] == {"model": "digits", "version": "2", "pointers_before": before}
    assert outcome["details"] == intent["details"] | {"pointers_after": before}


@pytest.mark.parametrize(("body", "status"), [({"version": "2"}, 422), ({"version": "2", "reason": "recall"}, 200)])
def test_our_own_call_says_why(door: httpx2.Client, body: dict[str, str], status: int) -> None:
    assert door.put(OURS, json=body).status_code == status
