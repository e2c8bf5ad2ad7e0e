"""What stands in front of two doors sends each request to any of them: a sign-in and a session are everybody's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.oidc.conftest import SignInDoor
from tests.support.door import door_settings, running_door
from tests.support.oidc import Person
from tests.support.wait import until

ME = "/api/v1/me"
PROMISED = 1.0


@pytest.fixture
def another(door: SignInDoor, tmp_path: Path) -> Iterator[str]:
    """A second door with the same public address; its own address is what a balancer would know."""
    folder = tmp_path / "another"
    folder.mkdir()
    settings = door_settings(
        door.rows.catalog, folder, public_url=door.url, oidc_issuer=door.provider.issuer
    ).model_copy(update={"signing_key_file": tmp_path / "signing.pem"})
    with running_door(settings) as url:
        yield url


def test_a_sign_in_that_began_at_one_door_ends_at_the_other(door: SignInDoor, another: str, person: Person) -> None:
    started = person.http.get(f"{door.url}/login/start", params={"return_to": "/tokens"})
    back = person.pick(started.headers["location"], "alice")
    assert back.startswith(f"{door.url}/callback?")
    ended = person.http.get(back.replace(door.url, another))
    assert (ended.status_code, ended.headers["location"]) == (303, "/tokens")
    for url in (another, door.url):
        assert person.http.get(f"{url}{ME}").json()["name"] == "alice@example.org"


def test_who_signs_out_at_one_door_is_out_at_the_other(door: SignInDoor, another: str, person: Person) -> None:
    person.sign_in(door.url, "alice")
    assert person.http.get(f"{another}{ME}").status_code == 200
    kept = dict(person.http.cookies)
    csrf = person.http.get(f"{door.url}{ME}").json()["csrf_token"]
    person.http.post(f"{door.url}/logout", data={"csrf": csrf}, headers={"Origin": door.url})

    def refused() -> bool:
        cookies = "; ".join(f"{name}={value}" for name, value in kept.items())
        return person.http.get(f"{another}{ME}", headers={"Cookie": cookies}).status_code == 401

    until(refused, deadline=PROMISED, what="the end of the session at the other door")


def test_a_token_that_one_door_made_is_known_to_the_other(door: SignInDoor, another: str, person: Person) -> None:
    person.sign_in(door.url, "alice")
    made = person.api("POST", f"{door.url}/api/v1/tokens", json={"name": "t"}).json()["token"]
    with Person() as somewhere:
        answer = somewhere.http.get(f"{another}{ME}", headers={"Authorization": f"Bearer {made}"})
    assert answer.json()["name"] == "alice@example.org"
