"""The door's settings come from the environment, and a wrong one is named."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from tenantry_api.settings import Settings, split_address

_URL = "postgresql://api:hidden@127.0.0.1/catalog"

GOOD = {
    "TENANTRY_CATALOG_URL": _URL,
    "TENANTRY_RECORD_DIRECTORY": "/var/lib/tenantry/record",
    "TENANTRY_SIGNING_KEY_FILE": "/etc/tenantry/signing.pem",
    "TENANTRY_OIDC_ISSUER": "https://id.example.org",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)


def test_the_defaults_are_for_one_machine() -> None:
    settings = Settings()
    assert (settings.public_url, settings.listen) == ("http://127.0.0.1:8080", "127.0.0.1:8080")
    assert split_address(settings.listen) == ("127.0.0.1", 8080)
    assert (settings.origin, settings.oidc_client_id) == ("127.0.0.1:8080", "tenantry")


def test_no_secret_is_shown() -> None:
    assert "hidden" not in repr(Settings())


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("TENANTRY_LISTEN", "8080", "must be host:port, such as 127.0.0.1:8080"),
        ("TENANTRY_LISTEN", "127.0.0.1:99999", "must be host:port, such as 127.0.0.1:8080"),
        ("TENANTRY_METRICS_LISTEN", "8081", "must be host:port, such as 127.0.0.1:8080"),
        ("TENANTRY_METRICS_LISTEN", "0.0.0.0:8080", "must have another port than TENANTRY_LISTEN"),
        ("TENANTRY_CATALOG_URL", "mysql://api@127.0.0.1/c", "must be postgresql://user:password@host:port/database"),
        ("TENANTRY_CATALOG_URL", f"{_URL}?sslmode=verify_full", "sslmode: must be one of disable, allow, prefer"),
        ("TENANTRY_CATALOG_URL", f"{_URL}?sslrootcert=/nowhere/ca.crt", "sslrootcert: /nowhere/ca.crt cannot be read"),
        ("TENANTRY_CATALOG_URL", f"{_URL}?channel_binding=require", "channel_binding: the door cannot keep to it"),
        ("TENANTRY_PUBLIC_URL", "tracking.example.org", "must be scheme://host[:port] without a path"),
        ("TENANTRY_PUBLIC_URL", "https://example.org/mlflow", "must be scheme://host[:port] without a path"),
    ],
)
def test_a_wrong_setting_says_what_is_expected(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError, match=message.replace("[", r"\[")) as caught:
        Settings()
    assert "hidden" not in str(caught.value)
