"""Sign-in with a provider that is not ours: Keycloak. Where they apply, the tests are those of our own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.oidc.conftest import SignInDoor, door_with
from tests.oidc.test_door_sign_in import (
    test_a_browsers_id_token_creates_no_token,
    test_a_session_is_a_cookie_that_scripts_cannot_read,
    test_groups_are_those_of_the_last_sign_in,
    test_signing_out_ends_the_session_here_and_at_the_issuer,
)
from tests.support.commands import login, tenantry
from tests.support.keycloak import KeycloakPerson, running_keycloak
from tests.support.oidc import Provider, free_port
from tests.support.postgres import CatalogDatabase

__all__ = [
    "test_a_browsers_id_token_creates_no_token",
    "test_a_session_is_a_cookie_that_scripts_cannot_read",
    "test_groups_are_those_of_the_last_sign_in",
    "test_signing_out_ends_the_session_here_and_at_the_issuer",
]

CONFIDENTIAL = {"oidc_client_id": "tenantry-confidential", "oidc_client_secret": "known-to-the-door"}


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_keycloak(tmp_path_factory.mktemp("keycloak") / "log") as issuer:
        yield issuer


@pytest.fixture
def door(issuer: str, catalog: CatalogDatabase, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[SignInDoor]:
    url = f"http://127.0.0.1:{free_port()}"
    provider = Provider(issuer, url, tmp_path / "unknown", "")
    with door_with(provider, catalog, tmp_path, **getattr(request, "param", {})) as door:
        yield door


@pytest.fixture
def person() -> Iterator[KeycloakPerson]:
    with KeycloakPerson() as somebody:
        yield somebody


@pytest.mark.parametrize("door", [{}, CONFIDENTIAL], indirect=True, ids=["public", "confidential"])
def test_who_signed_in_is_kept_under_the_name_that_the_issuer_knows(door: SignInDoor, person: KeycloakPerson) -> None:
    assert person.sign_in(door.url, "alice").status_code == 303
    ((issuer, subject, email, groups),) = door.rows.execute(
        "SELECT issuer, subject, email, groups FROM identity.person"
    )
    assert (issuer, email) == (door.provider.issuer, "alice@example.org")
    assert sorted(groups) == ["vision-leads", "vision-ml"]  # type: ignore[call-overload]
    assert subject not in {"alice", email}


def test_a_person_without_groups_signs_in(door: SignInDoor, person: KeycloakPerson) -> None:
    person.sign_in(door.url, "carol")
    me = person.api("GET", f"{door.url}/api/v1/me").json()
    assert (me["name"], me["groups"]) == ("carol@example.org", [])


def test_an_address_that_nobody_confirmed_is_nobody(door: SignInDoor, person: KeycloakPerson) -> None:
    answer = person.sign_in(door.url, "dave")
    assert answer.status_code == 400
    assert "email_unverified" in answer.text
    assert door.rows.execute("SELECT 1 FROM identity.person") == []


def test_tenantry_login_keeps_a_token_for_the_commands(
    door: SignInDoor, person: KeycloakPerson, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("MLFLOW_TRACKING_TOKEN", "TENANTRY_TOKEN", "TENANTRY_URL"):
        monkeypatch.delenv(name, raising=False)
    login(door.url, lambda address: person.approve(address, "alice"))
    assert "vision/segmentation" in tenantry("get", "projects")
