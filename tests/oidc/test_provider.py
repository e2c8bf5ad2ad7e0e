"""The development provider does what the specifications say, and refuses what people should not do with it."""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from hashlib import sha256
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.support.oidc import Person, Provider, provider_process, running_provider

VERIFIER = "v" * 64
CHALLENGE = urlsafe_b64encode(sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


def authorization(provider: Provider, **changed: str | None) -> str:
    """The URL of a valid authorization request, with parameters changed or (None) left out."""
    wanted = {
        "client_id": "tenantry",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        "nonce": "n",
        "redirect_uri": f"{provider.client_url}/callback",
        "response_type": "code",
        "scope": "openid email",
        "state": "s",
    } | changed
    query = urlencode({name: value for name, value in wanted.items() if value is not None})
    return f"{provider.issuer}/authorize?{query}"


def code_of(location: str) -> str:
    return parse_qs(urlsplit(location).query)["code"][0]


def redeem(provider: Provider, **form: str) -> httpx2.Response:
    fields = {
        "client_id": "tenantry",
        "code_verifier": VERIFIER,
        "grant_type": "authorization_code",
        "redirect_uri": f"{provider.client_url}/callback",
    } | form
    return httpx2.post(f"{provider.issuer}/token", data=fields)


def claims_of(provider: Provider, id_token: str) -> dict[str, object]:
    keys = KeySet.import_key_set(httpx2.get(f"{provider.issuer}/keys").json())
    return jwt.decode(id_token, keys, algorithms=["ES256"]).claims


def test_a_code_becomes_tokens_that_name_the_user_and_the_groups(provider: Provider, person: Person) -> None:
    answer = redeem(provider, code=code_of(person.pick(authorization(provider), "alice")))
    assert answer.status_code == 200
    claims = claims_of(provider, answer.json()["id_token"])
    assert (claims["iss"], claims["aud"], claims["nonce"]) == (provider.issuer, "tenantry", "n")
    assert (claims["sub"], claims["email"]) == ("alice", "alice@example.org")
    assert claims["groups"] == ["vision-leads", "vision-ml"]
    told = httpx2.get(
        f"{provider.issuer}/userinfo", headers={"Authorization": f"Bearer {answer.json()['access_token']}"}
    )
    assert told.json()["groups"] == ["vision-leads", "vision-ml"]


def test_a_user_without_groups_has_no_such_claim(provider: Provider, person: Person) -> None:
    answer = redeem(provider, code=code_of(person.pick(authorization(provider), "carol")))
    assert "groups" not in claims_of(provider, answer.json()["id_token"])


SENT_BACK = {
    "no PKCE": {"code_challenge": None, "code_challenge_method": None},
    "plain PKCE": {"code_challenge_method": "plain"},
    "a challenge that is no hash": {"code_challenge": "short"},
    "the implicit flow": {"response_type": "token"},
    "no openid": {"scope": "email"},
}


@pytest.mark.parametrize("name", SENT_BACK)
def test_a_wrong_request_is_sent_back_with_its_state(name: str, provider: Provider, person: Person) -> None:
    answer = person.http.get(authorization(provider, **SENT_BACK[name]))
    query = parse_qs(urlsplit(answer.headers["location"]).query)
    assert answer.headers["location"].startswith(f"{provider.client_url}/callback?")
    assert (query["error"], query["state"]) == (["invalid_request"], ["s"])


NEVER_REDIRECTED = {
    "another client": {"client_id": "somebody"},
    "another redirect": {"redirect_uri": "https://evil.example/callback"},
    "a longer redirect": {"redirect_uri": "http://127.0.0.1:1/callback/more"},
    "a redirect with a query": {"redirect_uri": "http://127.0.0.1:1/callback?x=y"},
    "no redirect": {"redirect_uri": None},
}


@pytest.mark.parametrize("name", NEVER_REDIRECTED)
def test_an_unknown_client_or_redirect_is_told_here_and_sent_nowhere(
    name: str, provider: Provider, person: Person
) -> None:
    answer = person.http.get(authorization(provider, **NEVER_REDIRECTED[name]))
    assert answer.status_code == 400
    assert "location" not in answer.headers


def test_a_repeated_parameter_is_refused(provider: Provider, person: Person) -> None:
    answer = person.http.get(authorization(provider) + "&client_id=tenantry")
    assert answer.status_code == 400


def test_a_user_who_is_not_on_the_list_is_nobody(provider: Provider, person: Person) -> None:
    location = person.pick(authorization(provider), "mallory")
    assert parse_qs(urlsplit(location).query)["error"] == ["access_denied"]


def test_the_picker_takes_an_answer_once_and_from_its_own_browser(provider: Provider, person: Person) -> None:
    page = person.http.get(authorization(provider))
    form = {"request": person.hidden(page.text, "request"), "user": "alice"}
    assert httpx2.post(f"{provider.issuer}/authorize", data=form).status_code == 400
    page = person.http.get(authorization(provider))
    form = {"request": person.hidden(page.text, "request"), "user": "alice"}
    assert person.http.post(f"{provider.issuer}/authorize", data=form).status_code == 303
    assert person.http.post(f"{provider.issuer}/authorize", data=form).status_code == 400


def test_the_picker_says_what_it_is_and_runs_no_scripts(provider: Provider, person: Person) -> None:
    page = person.http.get(authorization(provider))
    assert "Development only" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "<script" not in page.text


BAD_EXCHANGES = {
    "another verifier": {"code_verifier": "w" * 64},
    "no verifier": {"code_verifier": ""},
    "another redirect": {"redirect_uri": "http://127.0.0.1:1/other"},
    "an invented code": {"code": "invented"},
}


@pytest.mark.parametrize("name", BAD_EXCHANGES)
def test_a_code_needs_its_verifier_and_its_redirect(name: str, provider: Provider, person: Person) -> None:
    code = code_of(person.pick(authorization(provider), "alice"))
    refused = redeem(provider, **({"code": code} | BAD_EXCHANGES[name]))
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")


def test_a_code_is_used_up_by_its_first_use_right_or_wrong(provider: Provider, person: Person) -> None:
    for first in (VERIFIER, "wrong" * 10):
        code = code_of(person.pick(authorization(provider), "alice"))
        redeem(provider, code=code, code_verifier=first)
        assert redeem(provider, code=code).json()["error"] == "invalid_grant"


def test_a_refresh_token_is_used_once_and_ends_with_the_session(provider: Provider, person: Person) -> None:
    first = redeem(provider, code=code_of(person.pick(authorization(provider), "alice"))).json()
    second = redeem(provider, grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert second.status_code == 200
    again = redeem(provider, grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert again.json()["error"] == "invalid_grant"
    home = f"{provider.client_url}/"
    ended = httpx2.get(
        f"{provider.issuer}/end_session",
        params={"id_token_hint": second.json()["id_token"], "post_logout_redirect_uri": home},
    )
    assert ended.headers["location"] == home
    after = redeem(provider, grant_type="refresh_token", refresh_token=second.json()["refresh_token"])
    assert after.json()["error"] == "invalid_grant"


@pytest.mark.parametrize("hint", ["", "not.a.token"])
def test_the_end_of_a_session_redirects_nobody_without_a_valid_hint(hint: str, provider: Provider) -> None:
    params = {"id_token_hint": hint, "post_logout_redirect_uri": f"{provider.client_url}/"}
    answer = httpx2.get(f"{provider.issuer}/end_session", params=params)
    assert answer.status_code == 200
    assert "location" not in answer.headers


@pytest.mark.parametrize("form", [{"grant_type": "password"}, {"client_id": "somebody"}, {}])
def test_other_grants_and_clients_are_refused(form: dict[str, str], provider: Provider) -> None:
    assert redeem(provider, **form).status_code == 400


def start_device(provider: Provider, **form: str) -> dict[str, str]:
    fields = {"client_id": "tenantry", "scope": "openid"} | form
    answer: dict[str, str] = httpx2.post(f"{provider.issuer}/device_authorization", data=fields).json()
    return answer


def poll(provider: Provider, device: dict[str, str], **form: str) -> httpx2.Response:
    grant = "urn:ietf:params:oauth:grant-type:device_code"
    return redeem(provider, grant_type=grant, device_code=device["device_code"], **form)


def answer_device(person: Person, device: dict[str, str], user: str, *, code: str | None = None) -> httpx2.Response:
    page = person.http.get(device["verification_uri_complete"])
    form = {"csrf": person.hidden(page.text, "csrf"), "user": user, "user_code": code or device["user_code"]}
    return person.http.post(device["verification_uri"], data=form)


def test_a_device_waits_until_its_person_has_picked_a_user(provider: Provider, person: Person) -> None:
    device = start_device(provider)
    assert poll(provider, device).json()["error"] == "authorization_pending"
    assert re.fullmatch(r"[A-Z]{4}-[A-Z]{4}", device["user_code"])
    answer_device(person, device, "bob", code=device["user_code"].lower().replace("-", " "))
    answer = poll(provider, device)
    assert claims_of(provider, answer.json()["id_token"])["email"] == "bob@example.org"
    assert poll(provider, device).json()["error"] == "expired_token"


def test_a_device_that_gave_a_challenge_needs_the_verifier(provider: Provider, person: Person) -> None:
    device = start_device(provider, code_challenge=CHALLENGE, code_challenge_method="S256")
    answer_device(person, device, "bob")
    assert poll(provider, device, code_verifier="wrong" * 10).json()["error"] == "invalid_grant"
    assert poll(provider, device).status_code == 200


def test_a_device_can_be_refused(provider: Provider, person: Person) -> None:
    device = start_device(provider)
    answer_device(person, device, "")
    assert poll(provider, device).json()["error"] == "access_denied"


def test_a_device_is_approved_from_the_page_alone(provider: Provider, person: Person) -> None:
    device = start_device(provider)
    form = {"csrf": "guessed", "user": "alice", "user_code": device["user_code"]}
    assert person.http.post(device["verification_uri"], data=form).status_code == 400
    assert "No device waits" in answer_device(person, device, "alice", code="BBBB-BBBB").text
    assert poll(provider, device).json()["error"] == "authorization_pending"


def test_another_host_name_is_refused(provider: Provider) -> None:
    """A page elsewhere could point a name of its own to 127.0.0.1."""
    answer = httpx2.get(f"{provider.issuer}/keys", headers={"Host": "evil.example"})
    assert answer.status_code == 400


def test_its_key_survives_a_restart_and_is_nobody_elses(tmp_path: Path) -> None:
    def keys() -> dict[str, list[dict[str, str]]]:
        with running_provider(tmp_path) as running:
            found: dict[str, list[dict[str, str]]] = httpx2.get(f"{running.issuer}/keys").json()
            return found

    first = keys()
    assert keys() == first
    assert "d" not in first["keys"][0]
    assert (tmp_path / "provider.pem").stat().st_mode & 0o777 == 0o600


def test_it_prints_its_users(provider: Provider) -> None:
    assert "alice <alice@example.org> vision-leads, vision-ml" in provider.log


REFUSES_TO_START = {
    "all addresses": ({"provider_listen": "0.0.0.0:0"}, "loopback only"),
    "all addresses, IPv6": ({"provider_listen": "[::]:0"}, "loopback only"),
    "a name": ({"provider_listen": "localhost:0"}, "loopback only"),
    "a real issuer": ({"oidc_issuer": "https://login.example.org"}, "a real issuer"),
    "no users": ({"provider_users_file": "/nonexistent"}, "No such file"),
}


@pytest.mark.parametrize("name", REFUSES_TO_START)
def test_it_refuses_to_start_where_it_would_do_harm(name: str, tmp_path: Path) -> None:
    settings, reason = REFUSES_TO_START[name]
    with provider_process(tmp_path, **settings) as process:
        _, told = process.communicate(timeout=60)
    assert process.returncode == 2
    assert reason in told
