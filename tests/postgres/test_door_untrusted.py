"""A backend that somebody took over: whatever it answers, it gets no power over the origin that all projects share."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tenantry_backend import ui
from tests.support.door import ALICE, CatalogRows, recorded
from tests.support.mlflow import need_mlflow
from tests.support.upstream import Answer, Handler, Upstream, json_answer, sends

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
def rows(rows: CatalogRows) -> CatalogRows:
    """Alice may promote too."""
    rows.grant("vision", "promoter", ALICE)
    return rows


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


# ---------------------------------------------------------------- the UI's own files

PIECE = 2**16
INDEX, MAIN = "index.html", "static/js/main.c2f5f8d4.js"
LASTING = "private, max-age=31536000, immutable"
# Where a file of the UI is asked for, and what it has to come with.
FILES = {
    "/": (INDEX, "text/html; charset=utf-8", "no-cache"),
    "/static-files/favicon.ico": ("favicon.ico", "image/x-icon", "no-cache"),
    f"/static-files/{MAIN}": (MAIN, "text/javascript; charset=utf-8", LASTING),
}


@pytest.fixture(scope="module")
def released() -> Path:
    """The UI of the installed MLflow."""
    need_mlflow()
    return ui.folder()


@pytest.mark.parametrize("address", FILES)
def test_a_file_of_the_ui_comes_as_it_was_released(
    door: httpx2.Client, backend: Upstream, released: Path, address: str
) -> None:
    name, content_type, cache = FILES[address]
    content = (released / name).read_bytes()
    backend.answer = sends(content, 200, POWERS | {"Content-Encoding": "gzip", "ETag": '"1"'})
    got = door.get(address, headers={"If-None-Match": '"1"', "If-Modified-Since": "x", "Range": "bytes=0-9"})
    assert (got.status_code, got.content == content) == (200, True)
    assert {name: value for name, value in got.headers.items() if name not in {"date", "x-tenantry-request-id"}} == {
        "cache-control": cache,
        "content-length": str(len(content)),
        "content-type": content_type,
        "x-content-type-options": "nosniff",
        "x-frame-options": "SAMEORIGIN",
    }
    asked = backend.received[0].headers
    assert asked.keys() == {"accept-encoding", "host", "x-tenantry-backend-secret"}
    assert asked["accept-encoding"] == "identity"


@pytest.mark.parametrize("address", FILES)
def test_another_file_in_its_place_is_held_back_and_on_record(
    door: httpx2.Client, backend: Upstream, rows: CatalogRows, released: Path, address: str
) -> None:
    name = FILES[address][0]
    content = (released / name).read_bytes()
    for altered in (b"", PAGE, content + b"x", content[:-1], b"x" + content[1:]):
        backend.answer = sends(altered, 200, {"Content-Type": "text/html"})
        got = door.get(address)
        assert (got.status_code, got.json()["error_code"]) == (502, "INTERNAL_ERROR")
        assert f"MLflow 3.17.2: its {name} is not the released file" in got.json()["message"]
        end = outcome(rows, got)
        assert (end["status"], end["completed"], end["details"]) == (502, False, {"altered": name})


def test_a_file_that_is_altered_further_on_is_cut_before_that(
    door: httpx2.Client, backend: Upstream, rows: CatalogRows, released: Path
) -> None:
    content = bytearray((released / MAIN).read_bytes())
    content[3 * PIECE + 7] ^= 1
    backend.answer = sends(bytes(content))
    with door.stream("GET", f"/static-files/{MAIN}") as answer:
        assert until_the_cut(answer) == content[: 3 * PIECE]
    end = outcome(rows, answer)
    assert (end["status"], end["completed"], end["details"]) == (200, False, {"altered": MAIN})


@pytest.mark.parametrize("status", [203, 206, 302, 304, 404, 500])
def test_no_word_of_a_backend_that_has_no_such_file_is_passed_on(
    door: httpx2.Client, backend: Upstream, rows: CatalogRows, status: int
) -> None:
    backend.answer = sends(b"" if status == 304 else PAGE, status, POWERS)
    got = door.get("/")
    assert got.status_code == 502
    assert f"answers {status} when it is asked for index.html" in got.json()["message"]
    assert "set-cookie" not in got.headers
    assert "details" not in outcome(rows, got)


def test_nobody_is_asked_for_a_file_that_the_version_has_not(door: httpx2.Client, backend: Upstream) -> None:
    got = door.get("/static-files/static/js/main.00000000.js")
    assert (got.status_code, got.json()["error_code"], backend.received) == (404, "ENDPOINT_NOT_FOUND", [])


def until_the_cut(answer: httpx2.Response) -> bytes:
    got = bytearray()
    try:
        for chunk in answer.iter_raw():
            got += chunk
    except httpx2.RemoteProtocolError:
        return bytes(got)
    raise AssertionError("the answer was not cut")


def outcome(rows: CatalogRows, answer: httpx2.Response) -> dict[str, Any]:
    return recorded(rows, answer, 2)[1]
