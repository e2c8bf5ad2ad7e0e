"""Our side of the flow: what of an issuer's answers we believe."""

from __future__ import annotations

import hmac
import json
import time
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from tenantry_api.identify import Identifier
from tenantry_api.identify.oidc import Client, Issuer, SignInError
from tests.support.door import CatalogRows
from tests.support.oidc import Person, Provider, running_provider
from tests.support.postgres import CatalogDatabase


def answer_of(location: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


async def redirected(identifier: Identifier, person: Person, user: str = "alice") -> tuple[str, dict[str, str]]:
    """Begin a sign-in and go through the issuer: the browser's cookie, and what the issuer's redirect says."""
    started = await identifier.sign_in.start("/tokens")
    return started.state, answer_of(person.pick(started.url, user))


async def test_a_person_comes_back_with_groups_and_to_where_they_were(identifier: Identifier, person: Person) -> None:
    cookie, answer = await redirected(identifier, person)
    finished = await identifier.sign_in.finish(state=answer["state"], cookie=cookie, code=answer["code"])
    assert finished.return_to == "/tokens"
    assert finished.claims.person.email == "alice@example.org"
    assert finished.claims.person.groups == {"vision-leads", "vision-ml"}
    assert finished.claims.session


async def test_a_missing_groups_claim_is_no_groups(identifier: Identifier, person: Person) -> None:
    cookie, answer = await redirected(identifier, person, "carol")
    finished = await identifier.sign_in.finish(state=answer["state"], cookie=cookie, code=answer["code"])
    assert finished.claims.person.groups == frozenset()


async def test_pkce_and_a_nonce_are_always_sent(identifier: Identifier) -> None:
    query = answer_of((await identifier.sign_in.start("/")).url)
    assert query["code_challenge_method"] == "S256"
    assert {"code_challenge", "nonce", "state"} <= query.keys()


async def refused(identifier: Identifier, **answer: str) -> str:
    with pytest.raises(SignInError) as caught:
        await identifier.sign_in.finish(**answer)
    return caught.value.reason


async def test_a_redirect_counts_in_the_browser_that_began_and_only_once(
    identifier: Identifier, person: Person
) -> None:
    cookie, answer = await redirected(identifier, person)
    state, code = answer["state"], answer["code"]
    for other in ("", "another", cookie + "x"):
        assert await refused(identifier, state=state, cookie=other, code=code) == "state_mismatch"
    assert await refused(identifier, state="invented", cookie="invented", code=code) == "state_unknown"
    await identifier.sign_in.finish(state=state, cookie=cookie, code=code)
    assert await refused(identifier, state=state, cookie=cookie, code=code) == "state_unknown"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("nonce = 'another'", "id_token_invalid"),
        ("verifier = repeat('w', 64)", "code_refused"),
        ("created_at = now() - interval '11 minutes'", "state_unknown"),
    ],
)
async def test_what_was_kept_has_to_fit(
    change: str, reason: str, identifier: Identifier, person: Person, catalog: CatalogDatabase
) -> None:
    """As if the code, or the ID token, belonged to another sign-in; or a person had taken too long."""
    cookie, answer = await redirected(identifier, person)
    CatalogRows(catalog).execute(f"UPDATE identity.sign_in SET {change}")
    assert await refused(identifier, state=answer["state"], cookie=cookie, code=answer["code"]) == reason


async def test_somebody_elses_code_is_refused(identifier: Identifier, person: Person) -> None:
    """PKCE: a code that was stolen on its way is of no use in another sign-in."""
    _, stolen = await redirected(identifier, person, "alice")
    cookie, answer = await redirected(identifier, person, "bob")
    assert await refused(identifier, state=answer["state"], cookie=cookie, code=stolen["code"]) == "code_refused"


async def test_an_invented_code_is_refused(identifier: Identifier) -> None:
    started = await identifier.sign_in.start("/")
    assert await refused(identifier, state=started.state, cookie=started.state, code="invented") == "code_refused"


def claims(provider: Provider, **changed: Any) -> dict[str, Any]:
    """What the issuer says of alice, with claims changed or (None) left out."""
    now = int(time.time())
    told = {
        "aud": "tenantry",
        "email": "alice@example.org",
        "exp": now + 300,
        "iat": now,
        "iss": provider.issuer,
        "nonce": "n",
        "sub": "alice",
    } | changed
    return {name: value for name, value in told.items() if value is not None}


def signed(provider: Provider, told: dict[str, Any]) -> str:
    key = ECKey.import_key(provider.key_file.read_bytes())
    key.ensure_kid()
    return jwt.encode({"alg": "ES256", "kid": key.kid}, told, key, algorithms=["ES256"])


@pytest.fixture
def issuer(provider: Provider) -> Issuer:
    return Issuer(Client(provider.issuer, "tenantry", None, f"{provider.client_url}/callback"))


async def disbelieved(issuer: Issuer, token: str) -> str:
    with pytest.raises(SignInError) as caught:
        await issuer.verify(token, "n")
    return caught.value.reason


async def test_a_well_signed_token_is_believed(provider: Provider, issuer: Issuer) -> None:
    found = await issuer.verify(signed(provider, claims(provider, aud=["other", "tenantry"], azp="tenantry")), "n")
    assert (found.person.issuer, found.person.subject) == (provider.issuer, "alice")
    assert found.person.name == "alice@example.org"


DISBELIEVED: dict[str, tuple[dict[str, Any], str]] = {
    "another audience": ({"aud": "somebody"}, "id_token_invalid"),
    "no audience": ({"aud": None}, "id_token_invalid"),
    "another authorized party": ({"aud": ["tenantry", "b"], "azp": "b"}, "id_token_invalid"),
    "another issuer": ({"iss": "https://evil.example"}, "id_token_invalid"),
    "expired": ({"exp": int(time.time()) - 3600}, "id_token_invalid"),
    "without an end": ({"exp": None}, "id_token_invalid"),
    "not valid yet": ({"nbf": int(time.time()) + 3600}, "id_token_invalid"),
    "another nonce": ({"nonce": "m"}, "id_token_invalid"),
    "no nonce": ({"nonce": None}, "id_token_invalid"),
    "no subject": ({"sub": None}, "id_token_invalid"),
    "no address": ({"email": None}, "email_missing"),
    "an address that nobody has confirmed": ({"email_verified": False}, "email_unverified"),
    "an address that is said to be unconfirmed in words": ({"email_verified": "false"}, "email_unverified"),
    "groups that are no list": ({"groups": "admins"}, "groups_malformed"),
}


@pytest.mark.parametrize("name", DISBELIEVED)
async def test_a_token_with_wrong_claims_is_not_believed(name: str, provider: Provider, issuer: Issuer) -> None:
    changed, reason = DISBELIEVED[name]
    assert await disbelieved(issuer, signed(provider, claims(provider, **changed))) == reason


OF_NO_SHELL: dict[str, tuple[dict[str, Any], str]] = {
    "a browser's": ({}, "id_token_of_browser"),
    "an old one": ({"nonce": None, "iat": int(time.time()) - 660}, "id_token_old"),
    "an expired one": ({"nonce": None, "exp": int(time.time()) - 60}, "id_token_invalid"),
}


@pytest.mark.parametrize("name", OF_NO_SHELL)
async def test_a_shell_shows_a_new_token_of_its_own(name: str, provider: Provider, issuer: Issuer) -> None:
    await issuer.verify_of_shell(signed(provider, claims(provider, nonce=None)))
    changed, reason = OF_NO_SHELL[name]
    with pytest.raises(SignInError) as caught:
        await issuer.verify_of_shell(signed(provider, claims(provider, **changed)))
    assert caught.value.reason == reason


def by_hand(algorithm: str, key: ECKey, told: dict[str, Any]) -> str:
    """Tokens that no library makes any more: without a signature, or signed with a public key as the password."""
    header = {"alg": algorithm, "kid": key.kid}
    body = b".".join(urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, told))
    password = key.as_pem(private=False)
    signature = b"" if algorithm == "none" else hmac.digest(password, body, "sha256")
    return (body + b"." + urlsafe_b64encode(signature).rstrip(b"=")).decode()


async def test_only_the_issuers_key_and_an_asymmetric_algorithm_count(provider: Provider, issuer: Issuer) -> None:
    told = claims(provider)
    real = ECKey.import_key(provider.key_file.read_bytes())
    real.ensure_kid()
    forged = ECKey.generate_key("P-256", {"kid": real.kid})
    genuine = signed(provider, told)
    tokens = {
        "another key under the same id": jwt.encode({"alg": "ES256", "kid": real.kid}, told, forged),
        "an unknown key": jwt.encode({"alg": "ES256", "kid": "x"}, told, forged),
        "the public key as a password": by_hand("HS256", real, told),
        "no signature": by_hand("none", real, told),
        "a cut signature": genuine[:-10],
        "another's claims under a genuine signature": ".".join(
            [genuine.split(".")[0], signed(provider, told | {"sub": "bob"}).split(".")[1], genuine.split(".")[2]]
        ),
        "not a token": "a.b.c",
        "nothing": "",
    }
    reasons = {name: await disbelieved(issuer, token) for name, token in tokens.items()}
    assert reasons == dict.fromkeys(tokens, "id_token_invalid")


async def test_a_new_key_of_the_issuer_is_fetched_when_it_is_first_seen(tmp_path: Path) -> None:
    """Rotation: the provider restarts at its address with another key, and we have the old one in memory."""
    with running_provider(tmp_path) as before:
        issuer = Issuer(Client(before.issuer, "tenantry", None, f"{before.client_url}/callback"))
        old = signed(before, claims(before))
        await issuer.verify(old, "n")
    before.key_file.unlink()
    with running_provider(tmp_path, provider_listen=before.issuer.removeprefix("http://")) as after:
        assert after.issuer == before.issuer
        await issuer.verify(signed(after, claims(after)), "n")
        assert await disbelieved(issuer, old) == "id_token_invalid"


async def test_an_issuer_that_is_away_or_another_is_told_apart(provider: Provider) -> None:
    away = Issuer(Client("http://127.0.0.1:1", "tenantry", None, "http://127.0.0.1:1/callback"))
    assert await disbelieved(away, "a.b.c") == "issuer_unavailable"
    other = Issuer(Client(f"{provider.issuer}/", "tenantry", None, "http://127.0.0.1:1/callback"))
    assert await disbelieved(other, "a.b.c") == "issuer_mismatch"
