"""Sign-in through a whole door, as a browser and a shell see it."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from tests.oidc.conftest import SignInDoor
from tests.support.oidc import Person
from tests.support.wait import until


def operations(door: SignInDoor, log: str = "_installation") -> list[object]:
    return [event["operation"] for event in door.rows.events(log)]


def test_a_session_is_a_cookie_that_scripts_cannot_read(door: SignInDoor, person: Person) -> None:
    answer = person.sign_in(door.url, "alice", "/tokens?project=vision/segmentation")
    assert (answer.status_code, answer.headers["location"]) == (303, "/tokens?project=vision/segmentation")
    cookie = next(value for value in answer.headers.get_list("set-cookie") if value.startswith("tenantry_session="))
    assert {"HttpOnly", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))
    me = person.api("GET", f"{door.url}/api/v1/me").json()
    assert (me["name"], me["groups"]) == ("alice@example.org", ["vision-leads", "vision-ml"])
    until(lambda: "identity.sign_in" in operations(door), what="the record of the sign-in")


def test_a_person_who_is_not_signed_in_is_sent_to_sign_in_and_a_program_is_told(door: SignInDoor) -> None:
    page = httpx2.get(f"{door.url}/tokens?project=a/b")
    assert (page.status_code, page.headers["location"]) == (303, "/login?return_to=%2Ftokens%3Fproject%3Da%2Fb")
    program = httpx2.get(f"{door.url}/api/v1/me")
    assert program.status_code == 401
    assert program.headers["content-type"] == "application/problem+json"
    assert program.headers["www-authenticate"].startswith("Bearer")
    assert program.headers["x-tenantry-request-id"]


@pytest.mark.parametrize("return_to", ["https://evil.example/", "//evil.example", "/\\evil.example"])
def test_a_sign_in_ends_here_and_nowhere_else(return_to: str, door: SignInDoor, person: Person) -> None:
    assert person.sign_in(door.url, "alice", return_to).headers["location"] == "/"


def test_signing_in_again_ends_the_session_before(door: SignInDoor, person: Person) -> None:
    """And a session that somebody planted in the browser is never the one that a person is signed in with."""
    person.http.cookies.set("tenantry_session", "planted", domain="127.0.0.1")
    person.sign_in(door.url, "alice")
    first = person.http.cookies["tenantry_session"]
    person.sign_in(door.url, "bob")
    second = person.http.cookies["tenantry_session"]
    assert len({"planted", first, second}) == 3
    old = httpx2.get(f"{door.url}/api/v1/me", headers={"Cookie": f"tenantry_session={first}"})
    assert (old.status_code, old.json()["reason"]) == (401, "session_unknown")
    assert person.api("GET", f"{door.url}/api/v1/me").json()["name"] == "bob@example.org"


def test_signing_out_ends_the_session_here_and_at_the_issuer(door: SignInDoor, person: Person) -> None:
    person.sign_in(door.url, "alice")
    cookie = person.http.cookies["tenantry_session"]
    page = person.http.get(f"{door.url}/")
    form = {"csrf": person.hidden(page.text, "csrf")}
    refused = person.http.post(f"{door.url}/logout", data={"csrf": "guessed"}, headers={"Origin": door.url})
    assert refused.status_code == 403
    out = person.http.post(f"{door.url}/logout", data=form, headers={"Origin": door.url})
    assert out.headers["location"].startswith(f"{door.provider.issuer}/")
    assert person.http.get(out.headers["location"]).headers["location"] == f"{door.url}/"
    after = httpx2.get(f"{door.url}/api/v1/me", headers={"Cookie": f"tenantry_session={cookie}"})
    assert after.json()["reason"] == "session_unknown"
    until(lambda: "identity.sign_out" in operations(door), what="the record of the sign-out")


FAILED = {
    "the issuer says no": ("error=access_denied", "issuer_refused"),
    "no state": ("code=x", "state_mismatch"),
    "another's state": ("code=x&state=y", "state_mismatch"),
}


@pytest.mark.parametrize("name", FAILED)
def test_a_failed_sign_in_is_a_page_and_a_record(name: str, door: SignInDoor) -> None:
    query, reason = FAILED[name]
    answer = httpx2.get(f"{door.url}/callback?{query}")
    assert answer.status_code == 400
    assert reason in answer.text
    failures = until(
        lambda: [
            event for event in door.rows.events("_installation") if event["operation"] == "identity.sign_in_failed"
        ],
        what="the record of the failure",
    )
    assert failures[0]["details"] == {"reason": reason}


def test_what_an_issuer_says_in_its_redirect_is_not_repeated(door: SignInDoor) -> None:
    answer = httpx2.get(f"{door.url}/callback", params={"error": "<b>Call 555</b>", "error_description": "Call 555"})
    assert "555" not in answer.text


def test_groups_are_those_of_the_last_sign_in(door: SignInDoor, person: Person) -> None:
    person.sign_in(door.url, "alice")
    projects = person.api("GET", f"{door.url}/api/v1/projects").json()["projects"]
    assert [project["name"] for project in projects] == ["segmentation"]
    token = person.api("POST", f"{door.url}/api/v1/tokens", {"name": "t"}).json()["token"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert httpx2.get(f"{door.url}/api/v1/projects", headers=bearer).json()["projects"]
    door.rows.execute("UPDATE identity.person SET groups = '{}' WHERE email = 'alice@example.org'")
    until(lambda: not httpx2.get(f"{door.url}/api/v1/projects", headers=bearer).json()["projects"], what="no groups")


def id_token(door: SignInDoor, person: Person, user: str) -> str:
    """By the device flow, as a shell gets one."""
    issuer = door.provider.issuer
    device = httpx2.post(f"{issuer}/device_authorization", data={"client_id": "tenantry"}).json()
    page = person.http.get(device["verification_uri_complete"])
    form = {"csrf": person.hidden(page.text, "csrf"), "user": user, "user_code": device["user_code"]}
    person.http.post(device["verification_uri"], data=form)
    grant = "urn:ietf:params:oauth:grant-type:device_code"
    redeemed = {"client_id": "tenantry", "device_code": device["device_code"], "grant_type": grant}
    return str(httpx2.post(f"{issuer}/token", data=redeemed).json()["id_token"])


def test_an_id_token_creates_a_token_and_does_nothing_else(door: SignInDoor, person: Person) -> None:
    bearer = {"Authorization": f"Bearer {id_token(door, person, 'alice')}"}
    for path in ("/api/v1/me", "/api/v1/tokens", "/api/v1/projects", "/w/vision/p/segmentation/version"):
        assert httpx2.get(door.url + path, headers=bearer).status_code == 401, path
    created = httpx2.post(f"{door.url}/api/v1/tokens", headers=bearer, json={"name": "shell"})
    assert created.status_code == 201
    mine = {"Authorization": f"Bearer {created.json()['token']}"}
    assert httpx2.get(f"{door.url}/api/v1/me", headers=mine).json()["name"] == "alice@example.org"
    forged = {"Authorization": f"Bearer {id_token(door, person, 'alice')[:-8]}"}
    refused = httpx2.post(f"{door.url}/api/v1/tokens", headers=forged, json={"name": "shell"})
    assert (refused.status_code, refused.json()["reason"]) == (401, "id_token_invalid")


def test_a_browsers_id_token_creates_no_token(door: SignInDoor, person: Person) -> None:
    """It leaves the house in the address that signs out: in histories, and in the logs of whoever stands between."""
    person.sign_in(door.url, "alice")
    form = {"csrf": person.hidden(person.http.get(f"{door.url}/").text, "csrf")}
    out = person.http.post(f"{door.url}/logout", data=form, headers={"Origin": door.url})
    hint = parse_qs(urlsplit(out.headers["location"]).query)["id_token_hint"][0]
    refused = httpx2.post(
        f"{door.url}/api/v1/tokens", headers={"Authorization": f"Bearer {hint}"}, json={"name": "found"}
    )
    assert (refused.status_code, refused.json()["reason"]) == (401, "id_token_of_browser")
