"""What the door lets through, refuses and records; the backend is one that does as it is told."""

from __future__ import annotations

import httpx2
import pytest

from tests.support.door import ALICE, CatalogRows, bearer, recorded
from tests.support.upstream import Upstream, json_answer
from tests.support.wait import until

BOB = "bob@example.org"
RUN = "/api/2.0/mlflow/runs/get?run_id=" + "a" * 32


@pytest.fixture
def rows(rows: CatalogRows) -> CatalogRows:
    """Two projects more, that take no requests."""
    rows.project("vision", "fenced", fenced=True)
    rows.project("vision", "retired")
    rows.execute("UPDATE catalog.project SET retired_at = now() WHERE name = 'retired'")
    return rows


def test_only_what_the_door_means_to_send_reaches_the_backend(door: httpx2.Client, backend: Upstream) -> None:
    sent = {
        "Cookie": "a=b",
        "Origin": "https://evil.example",
        "X-Forwarded-For": "1.2.3.4",
        "X-MLFLOW-WORKSPACE": "other",
        "X-Remote-User": "root",
        "X-Tenantry-Backend-Secret": "guess",
        "X-Tenantry-Request-Id": "mine",
        "Connection": "keep-alive, X-Other",
        "Accept": "application/json",
        "User-Agent": "mlflow",
    }
    answer = door.get(RUN, headers=sent)
    assert answer.status_code == 200
    got = backend.received[0]
    assert (got.method, got.target, got.body) == ("GET", RUN, b"")
    assert got.headers == {
        "accept": "application/json",
        "accept-encoding": "gzip, deflate",
        "host": backend.address.removeprefix("http://"),
        "user-agent": "mlflow",
        "x-tenantry-backend-secret": "s3cret",
    }
    assert answer.headers["x-tenantry-request-id"] != "mine"


def test_a_change_goes_out_written_again_and_is_recorded_before_and_after(
    door: httpx2.Client, backend: Upstream, rows: CatalogRows
) -> None:
    backend.answer = json_answer(b'{"run": {}}')
    answer = door.post("/api/2.0/mlflow/runs/create", json={"experiment_id": "1"})
    assert answer.json() == {"run": {}}
    assert (backend.received[0].body, backend.received[0].headers["content-length"]) == (b'{"experiment_id":"1"}', "21")
    intent, outcome = recorded(rows, answer, 2)
    assert (intent["stage"], intent["operation"], intent["actor"]["name"]) == ("intent", "CreateRun", ALICE)
    assert intent["decision"]["rule"] == f"allow contributor to user {ALICE} in every project of vision"
    assert (outcome["stage"], outcome["status"], outcome["completed"]) == ("outcome", 200, True)
    assert (outcome["bytes_in"], outcome["bytes_out"]) == (21, 11)


@pytest.mark.parametrize(
    ("method", "target", "status", "code", "reason"),
    [
        ("GET", "/api/2.0/mlflow/nonsense", 404, "ENDPOINT_NOT_FOUND", "unknown_route"),
        ("GET", "/api/2.0/mlflow/runs/get?run_id=a&run_id=b", 400, "MALFORMED_REQUEST", None),
        ("POST", "/api/2.0/mlflow/registered-models/alias", 403, "PERMISSION_DENIED", "no_grant"),
        ("GET", "/api/2.0/mlflow/gateway-proxy", 404, None, None),
    ],
)
def test_what_is_not_plainly_allowed_is_refused_and_recorded(  # noqa: PLR0917
    door: httpx2.Client,
    backend: Upstream,
    rows: CatalogRows,
    method: str,
    target: str,
    status: int,
    code: str | None,
    reason: str | None,
) -> None:
    answer = door.send(door.build_request(method, str(door.base_url) + target[1:]))
    assert answer.status_code == status, answer.text
    assert code is None or answer.json()["error_code"] == code
    (refusal,) = recorded(rows, answer, 1)
    assert (refusal["stage"], refusal["status"], refusal["actor"]["name"]) == ("refusal", status, ALICE)
    assert reason is None or refusal["reason"] == reason
    assert backend.received == []


def test_an_address_that_two_parsers_could_read_differently_is_refused_and_recorded(
    door: httpx2.Client, backend: Upstream, rows: CatalogRows
) -> None:
    answer = door.get("/api/2.0/mlflow/runs%2Fget")
    assert (answer.status_code, answer.json()["error_code"]) == (400, "MALFORMED_REQUEST")
    (refusal,) = recorded(rows, answer, 1, log="_installation")
    assert (refusal["reason"], refusal["actor"]["name"]) == ("path_encoded_slash", ALICE)
    assert backend.received == []


def test_nobody_learns_which_projects_exist(door: httpx2.Client, backend: Upstream, rows: CatalogRows) -> None:
    base = str(door.base_url).removesuffix("/segmentation/")
    stranger = bearer(rows, BOB)
    answers = [httpx2.get(f"{base}/{name}{RUN}", headers=stranger) for name in ("segmentation", "no-such")]
    assert [answer.status_code for answer in answers] == [403, 403]
    told = [answer.text.replace("no-such", "segmentation") for answer in answers]
    assert told[0] == told[1]
    assert answers[0].json()["error_code"] == "PERMISSION_DENIED"
    for answer in answers:
        (refusal,) = recorded(rows, answer, 1)
        assert (refusal["reason"], refusal["decision"]["rule"]) == ("no_grant", "no grant gives tracking:read")
        assert refusal["resources"] == [{"id": "a" * 32, "kind": "run"}]
    assert backend.received == []


@pytest.mark.parametrize(
    ("project", "status", "reason"),
    [("fenced", 403, "project_fenced"), ("retired", 404, "project_not_found"), ("no-such", 404, "project_not_found")],
)
def test_a_project_that_takes_no_requests_says_why(
    door: httpx2.Client, rows: CatalogRows, project: str, status: int, reason: str
) -> None:
    answer = httpx2.get(str(door.base_url).replace("/segmentation/", f"/{project}{RUN}"), headers=door.headers)
    assert answer.status_code == status
    assert recorded(rows, answer, 1)[0]["reason"] == reason


def test_a_workspace_that_does_not_exist_is_recorded_in_the_installations_log(
    door: httpx2.Client, rows: CatalogRows
) -> None:
    answer = httpx2.get(str(door.base_url).replace("/vision/", "/no-such/") + RUN[1:], headers=door.headers)
    assert answer.status_code == 403
    assert recorded(rows, answer, 1, log="_installation")[0]["workspace"] == "no-such"


def test_without_credentials_programs_get_401_and_browsers_the_sign_in_page(
    door: httpx2.Client, rows: CatalogRows
) -> None:
    program = httpx2.get(f"{door.base_url}{RUN[1:]}")
    browser = httpx2.get(f"{door.base_url}?a=b", headers={"Accept": "text/html,*/*"})
    assert (program.status_code, program.json()["error_code"]) == (401, "UNAUTHENTICATED")
    assert program.headers["www-authenticate"] == 'Bearer realm="tenantry"'
    assert browser.status_code == 303
    assert browser.headers["location"] == "/login?return_to=%2Fw%2Fvision%2Fp%2Fsegmentation%2F%3Fa%3Db"
    assert recorded(rows, program, 1)[0]["operation"] == "GetRun"
    assert recorded(rows, browser, 1)[0]["reason"] == "credentials_missing"


def test_the_ui_is_sent_to_its_trailing_slash(door: httpx2.Client, rows: CatalogRows) -> None:
    answer = httpx2.get(str(door.base_url).removesuffix("/") + "?x=1", headers=door.headers)
    assert (answer.status_code, answer.headers["location"]) == (308, "/w/vision/p/segmentation/?x=1")
    assert recorded(rows, answer, 1)[0]["reason"] == "slash_missing"


def test_a_revoked_grant_is_refused_within_a_second_of_its_commit(
    door: httpx2.Client, backend: Upstream, rows: CatalogRows
) -> None:
    assert door.get(RUN).status_code == 200
    rows.execute('DELETE FROM catalog."grant"')
    until(lambda: door.get(RUN).status_code == 403, deadline=1, what="the refusal")


def test_a_revoked_token_is_refused_within_a_second_of_its_commit(
    door: httpx2.Client, backend: Upstream, rows: CatalogRows
) -> None:
    assert door.get(RUN).status_code == 200
    rows.execute("UPDATE identity.token SET revoked_at = now()")
    until(lambda: door.get(RUN).status_code == 401, deadline=1, what="the refusal")


def test_health_needs_nobody_and_metrics_name_nobody(door: httpx2.Client, backend: Upstream) -> None:
    door.get(RUN)
    root = f"{door.base_url.scheme}://{door.base_url.netloc.decode()}"
    assert httpx2.get(f"{root}/healthz").json() == {"alive": True}
    told = httpx2.get(f"{root}/readyz").json()
    assert (told.pop("ready"), told.pop("reasons"), set(told.values())) == (True, {}, {True})
    figures = httpx2.get(f"{root}/metrics").text
    assert 'tenantry_requests_total{kind="read",status="200"} 1.0' in figures
    assert not any(name in figures for name in ("vision", "segmentation", "alice"))
