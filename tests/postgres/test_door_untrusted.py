"""A backend that somebody took over: whatever it answers, it gets no power over the origin that all projects share."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.door import CatalogRows, door_settings, running_door
from tests.support.postgres import CatalogDatabase
from tests.support.upstream import Answer, Handler, Upstream, json_answer, sends, upstream

ALICE = "alice@example.org"
RUN_ID = "a" * 32
REST = "/api/2.0/mlflow"
RUN = f"{REST}/runs/get?run_id={RUN_ID}"
DOCUMENTS = json.loads(files("tenantry_api.classify").joinpath("mlflow_3_17_2.json").read_text())["documents"]
GRAPHQL = {"operationName": "GetRun", "variables": {"data": {"runId": RUN_ID}}, "query": DOCUMENTS["GetRun"]}
ALIAS = {"name": "digits", "alias": "champion", "version": "1"}
# Each way in which an answer travels.
REQUESTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "read": ("GET", RUN, {}),
    "open": ("GET", "/version", {}),
    "graphql": ("POST", "/graphql", {"json": GRAPHQL}),
    "download": ("GET", f"/get-artifact?run_id={RUN_ID}&path=page.html", {}),
    "mutation": ("POST", f"{REST}/runs/create", {"json": {"experiment_id": "1"}}),
    "upload": ("PUT", f"{REST}-artifacts/artifacts/1/{RUN_ID}/artifacts/a", {"content": b"x"}),
    "promotion": ("POST", f"{REST}/registered-models/alias", {"json": ALIAS}),
}
POWERS = {
    "Access-Control-Allow-Origin": "*",
    "Clear-Site-Data": '"*"',
    "Content-Security-Policy": "default-src *",
    "Content-Type": "text/html",
    "Link": "</w/language/p/translation/>; rel=preload; as=script",
    "Location": "/w/language/p/translation/",
    "Service-Worker-Allowed": "/",
    "Set-Cookie": "session=stolen; Path=/",
    "Strict-Transport-Security": "max-age=0",
    "X-Tenantry-Request-Id": "forged",
}
PAGE = b"<script>fetch('/w/language/p/translation/')</script>"
SANDBOXED = {
    "content-length": str(len(PAGE)),
    "content-security-policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:",
    "content-type": "text/html",
    "x-content-type-options": "nosniff",
}


@pytest.fixture
def rows(catalog: CatalogDatabase) -> CatalogRows:
    rows = CatalogRows(catalog)
    rows.project("vision", "segmentation")
    rows.grant("vision", "promoter", ALICE)
    return rows


@pytest.fixture
def backend(rows: CatalogRows) -> Iterator[Upstream]:
    with upstream() as running:
        rows.backend("vision", "segmentation", running.address)
        yield running


@pytest.fixture
def door(rows: CatalogRows, backend: Upstream, tmp_path: Path) -> Iterator[httpx2.Client]:
    bearer = {"Authorization": f"Bearer {rows.token(ALICE)}"}
    with (
        running_door(door_settings(rows.catalog, tmp_path)) as url,
        httpx2.Client(base_url=f"{url}/w/vision/p/segmentation", headers=bearer) as client,
    ):
        yield client


@pytest.mark.parametrize("status", [200, 302, 404, 500])
def test_whatever_a_backend_answers_acts_for_nobody(door: httpx2.Client, backend: Upstream, status: int) -> None:
    backend.answer = of_a_thief(status)
    got = {kind: door.request(method, target, **body) for kind, (method, target, body) in REQUESTS.items()}
    assert {kind: answer.status_code for kind, answer in got.items()} == dict.fromkeys(REQUESTS, status)
    assert len({answer.headers.pop("x-tenantry-request-id") for answer in got.values()} - {"forged"}) == len(REQUESTS)
    told = {kind: {name: value for name, value in a.headers.items() if name != "date"} for kind, a in got.items()}
    assert told == dict.fromkeys(REQUESTS, SANDBOXED)


def of_a_thief(status: int) -> Answer:
    """It only plays along when the door asks who holds a pointer, or its answer would not be passed on."""

    def answer(handler: Handler) -> None:
        if "registered-models/get" in handler.path:
            json_answer(b'{"registered_model": {}}')(handler)
        else:
            sends(PAGE, status, POWERS)(handler)

    return answer
