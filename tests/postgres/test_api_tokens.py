"""The API's tokens, through a door: what may be made, what may not, and that it is on record."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from tests.support.door import CatalogRows, door_settings, running_door
from tests.support.postgres import CatalogDatabase, PostgresServer
from tests.support.wait import until

ALICE = "alice@example.org"


class Api:
    """The API of a running door, as alice, bob or nobody."""

    def __init__(self, url: str, rows: CatalogRows) -> None:
        self.url = url
        self.rows = rows
        self.alice = rows.token(ALICE)

    def call(self, method: str, path: str, json: object = None, *, token: str | None = "alice") -> httpx2.Response:
        secret = self.alice if token == "alice" else token
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        return httpx2.request(method, f"{self.url}/api/v1{path}", headers=headers, json=json, timeout=30)

    def create(self, *, token: str | None = "alice", **wanted: object) -> httpx2.Response:
        return self.call("POST", "/tokens", {"name": "t"} | wanted, token=token)

    def operations(self, log: str) -> list[object]:
        return [event["operation"] for event in self.rows.events(log)]


@pytest.fixture
def api(catalog: CatalogDatabase, tmp_path: Path) -> Iterator[Api]:
    rows = CatalogRows(catalog)
    rows.project("vision", "segmentation")
    rows.project("vision", "detection", ready=False, conditions='[{"type": "Ready", "message": "no disk"}]')
    rows.project("language", "translation")
    rows.grant("vision", "contributor", ALICE)
    rows.grant("vision", "auditor", "audrey@example.org")
    with running_door(door_settings(catalog, tmp_path)) as url:
        yield Api(url, rows)


def in_days(days: float) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).isoformat()


def test_a_token_is_shown_once_and_works_within_its_scope(api: Api) -> None:
    created = api.create(workspace="vision", project="segmentation", permissions=["tracking:read"])
    assert created.status_code == 201
    assert created.headers["cache-control"] == "no-store"
    secret = created.json()["token"]
    assert secret not in api.call("GET", "/tokens").text
    seen = api.call("GET", "/projects", token=secret).json()["projects"]
    assert [(project["name"], project["permissions"]) for project in seen] == [("segmentation", ["tracking:read"])]
    until(lambda: "identity.token_created" in api.operations("vision"), what="the record")
    assert secret not in str(api.rows.events("vision"))


REFUSED: dict[str, tuple[dict[str, object], int, str]] = {
    "no name": ({"name": ""}, 422, "name:"),
    "a name that is too long": ({"name": "n" * 101}, 422, "name:"),
    "a name that no database holds": ({"name": "a\0b"}, 422, "name:"),
    "an unknown field": ({"scope": "all"}, 422, "scope:"),
    "an unknown permission": ({"permissions": ["everything"]}, 422, "permissions.0:"),
    "no permission at all": ({"permissions": []}, 422, "permissions:"),
    "a project without its workspace": ({"project": "segmentation"}, 422, "project:"),
    "an end in the past": ({"expires_at": in_days(-1)}, 422, "expires_at:"),
    "an end without a zone": ({"expires_at": "2027-01-01T00:00:00"}, 422, "expires_at:"),
    "an end too far away": ({"expires_at": in_days(400)}, 422, "expires_at:"),
    "a project of somebody else": ({"workspace": "language", "project": "translation"}, 404, "no such project"),
    "a project that is not there": ({"workspace": "vision", "project": "nothing"}, 404, "no such project"),
    "a workspace of somebody else": ({"workspace": "language"}, 404, "no such workspace"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_wish_is_refused_with_the_field_that_is_wrong(name: str, api: Api) -> None:
    wanted, status, words = REFUSED[name]
    if "expires_at" in wanted:
        wanted = {"expires_at": in_days(30)} | wanted
    answer = api.create(**wanted)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert words in answer.json()["detail"]


@pytest.fixture
def bound(api: Api) -> str:
    """A token for reading in one project, for half a day."""
    wanted = {"workspace": "vision", "project": "segmentation", "permissions": ["tracking:read"]}
    return str(api.create(**wanted, expires_at=in_days(0.5)).json()["token"])


WIDER: dict[str, dict[str, object]] = {
    "unbound": {},
    "the whole workspace": {"workspace": "vision", "permissions": ["tracking:read"]},
    "another project": {"workspace": "vision", "project": "detection", "permissions": ["tracking:read"]},
    "every permission": {"workspace": "vision", "project": "segmentation"},
    "another permission": {"workspace": "vision", "project": "segmentation", "permissions": ["tracking:write"]},
}


@pytest.mark.parametrize("name", WIDER)
def test_a_bound_token_makes_no_wider_one(name: str, api: Api, bound: str) -> None:
    answer = api.create(token=bound, **WIDER[name])
    assert answer.status_code in {403, 404}


def test_a_token_makes_narrower_ones_that_end_no_later(api: Api, bound: str) -> None:
    same = {"workspace": "vision", "project": "segmentation", "permissions": ["tracking:read"]}
    assert api.create(token=bound, **same, expires_at=in_days(0.4)).status_code == 201
    assert api.create(token=bound, **same, expires_at=in_days(0.6)).status_code == 422
    unsaid = api.create(token=bound, **same).json()["expires_at"]
    assert datetime.fromisoformat(unsaid) <= datetime.fromisoformat(in_days(0.5))


def test_a_bound_token_sees_no_other_tokens_and_revokes_itself_only(api: Api, bound: str) -> None:
    listed = api.call("GET", "/tokens").json()["tokens"]
    own = api.call("GET", "/me", token=bound).json()["token_id"]
    other = next(token["id"] for token in listed if token["id"] != own)
    assert api.call("GET", "/tokens", token=bound).status_code == 403
    assert api.call("DELETE", f"/tokens/{other}", token=bound).status_code == 403
    assert api.call("DELETE", f"/tokens/{own}", token=bound).status_code == 204
    refused = api.call("GET", "/me", token=bound)
    assert (refused.status_code, refused.json()["reason"]) == (401, "token_revoked")


def test_nobody_revokes_anothers_token(api: Api) -> None:
    own = api.call("GET", "/me").json()["token_id"]
    bob = api.rows.token("bob@example.org")
    assert api.call("DELETE", f"/tokens/{own}", token=bob).status_code == 404
    assert api.call("GET", "/me").status_code == 200


def test_a_project_tells_its_blocker_to_those_who_may_see_it(api: Api) -> None:
    told = api.call("GET", "/workspaces/vision/projects/detection").json()
    assert (told["ready"], told["message"]) == (False, "no disk")
    assert told["url"].endswith("/w/vision/p/detection")
    for path in ("/workspaces/language/projects/translation", "/workspaces/vision/projects/nothing"):
        hidden = api.call("GET", path)
        assert (hidden.status_code, hidden.json()["reason"]) == (404, "not_found")


def test_calls_and_refusals_are_on_record_under_the_id_in_the_answer(api: Api) -> None:
    answers = [
        api.call("GET", "/projects"),
        api.call("GET", "/me", token=None),
        api.call("GET", "/nothing"),
        api.call("POST", "/tokens", {"bogus": 1}),
    ]
    wanted = {answer.headers["x-tenantry-request-id"] for answer in answers}
    assert len(wanted) == 4
    until(lambda: wanted <= {event["id"] for event in api.rows.events("_installation")}, what="four records")


def test_only_an_auditor_reads_the_log_and_is_in_it_afterwards(api: Api) -> None:
    audrey = api.rows.token("audrey@example.org")
    path = "/workspaces/vision/audit/events"
    refused = api.call("GET", path)
    assert (refused.status_code, refused.json()["reason"]) == (403, "no_grant")
    assert api.call("GET", "/workspaces/language/audit/events", token=audrey).status_code == 403
    assert api.call("GET", f"{path}?bogus=1", token=audrey).status_code == 422

    def found() -> list[dict[str, object]]:
        answer = api.call("GET", f"{path}?operation=audit.search", token=audrey)
        events: list[dict[str, object]] = answer.json()["events"]
        return events

    assert until(found, what="an earlier search")
    exported = api.call("POST", "/workspaces/vision/audit/exports", token=audrey)
    assert (exported.status_code, exported.headers["content-type"]) == (200, "application/zip")
    assert api.call("POST", "/workspaces/vision/audit/exports").status_code == 403


def test_the_openapi_document_names_every_error_as_a_problem(api: Api) -> None:
    document = httpx2.get(f"{api.url}/api/v1/openapi.json").json()
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert len(operations) >= 12
    for operation in operations:
        errors = {code: answer for code, answer in operation["responses"].items() if code >= "400"}
        assert {"401", "403", "404", "422", "503"} <= errors.keys()
        for code in ("401", "403", "404", "422", "503"):
            assert list(errors[code]["content"]) == ["application/problem+json"]


def test_a_database_that_is_down_is_a_clear_answer_and_heals(api: Api, postgres_server: PostgresServer) -> None:
    postgres_server.stop()
    try:
        answer = until(
            lambda: (found := api.call("GET", "/tokens")).status_code == 503 and found, deadline=30, what="a 503"
        )
        assert answer.headers["content-type"] == "application/problem+json"
    finally:
        postgres_server.start()
    until(lambda: api.call("GET", "/tokens").status_code == 200, deadline=30, what="the door's recovery")
