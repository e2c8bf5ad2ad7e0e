from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer

from tenantry_api.cli.credentials import Credential, credentials_file, load, save, token_from_environment

ENDS = datetime(2026, 12, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def test_without_a_file_nobody_is_signed_in() -> None:
    assert load().current is None
    assert load().servers == {}


def test_each_server_has_its_own_token_and_the_last_one_is_current() -> None:
    save(load().with_("https://a", Credential(token="tnt_a", expires_at=ENDS)))
    save(load().with_("https://b", Credential(token="tnt_b", expires_at=ENDS)))
    assert load().current == "https://b"
    assert {url: kept.token for url, kept in load().servers.items()} == {"https://a": "tnt_a", "https://b": "tnt_b"}


def test_nobody_else_reads_the_file_whatever_it_was_before() -> None:
    save(load())
    credentials_file().chmod(0o644)
    save(load())
    assert stat.S_IMODE(credentials_file().stat().st_mode) == 0o600
    assert [path.name for path in credentials_file().parent.iterdir()] == ["credentials"]


def test_a_spoilt_file_says_what_to_do() -> None:
    save(load())
    credentials_file().write_text("{")
    with pytest.raises(typer.BadParameter, match="tenantry login"):
        load()


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, None),
        ({"MLFLOW_TRACKING_TOKEN": "tnt_m"}, "tnt_m"),
        ({"TENANTRY_TOKEN": "tnt_t", "MLFLOW_TRACKING_TOKEN": "tnt_m"}, "tnt_t"),
    ],
)
def test_the_environment_wins(variables: dict[str, str], expected: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TENANTRY_TOKEN", "MLFLOW_TRACKING_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert token_from_environment() == expected
