"""The commands, with the token that `tenantry login` stored and with one from the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.oidc.conftest import SignInDoor
from tests.support.commands import login, tenantry
from tests.support.oidc import Person


@pytest.fixture(autouse=True)
def _nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("MLFLOW_TRACKING_TOKEN", "TENANTRY_TOKEN", "TENANTRY_URL"):
        monkeypatch.delenv(name, raising=False)


def approve(person: Person, address: str, user: str) -> None:
    page = person.http.get(address)
    base, _, code = address.partition("?user_code=")
    form = {"csrf": person.hidden(page.text, "csrf"), "user": user, "user_code": code}
    assert person.http.post(base, data=form).status_code == 200


def test_tenantry_login_keeps_a_token_for_the_commands(door: SignInDoor, person: Person) -> None:
    login(door.url, lambda address: approve(person, address, "alice"))
    listed = tenantry("get", "projects")
    assert "vision/segmentation" in listed
    assert f"{door.url}/w/vision/p/segmentation" in listed


def exported(folder: Path, *options: str) -> str:
    """Export and check: what the check says."""
    tenantry("audit", "export", "--workspace", "vision", "--out", str(folder), *options)
    key = folder.with_suffix(".pem")
    key.write_text(tenantry("audit", "key", *options))
    return tenantry("audit", "verify", str(folder), "--key", str(key))


def test_an_export_takes_the_token_that_is_stored(door: SignInDoor, person: Person, tmp_path: Path) -> None:
    login(door.url, lambda address: approve(person, address, "audrey"))
    assert exported(tmp_path / "export").startswith("intact: ")


def test_an_export_takes_the_token_of_the_environment(
    door: SignInDoor, person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    person.sign_in(door.url, "audrey")
    token = person.api("POST", f"{door.url}/api/v1/tokens", {"name": "t"}).json()["token"]
    monkeypatch.setenv("TENANTRY_TOKEN", token)
    assert exported(tmp_path / "export", "--url", door.url).startswith("intact: ")
