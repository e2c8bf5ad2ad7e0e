"""The door's settings. The only module of `tenantry_api` that reads the environment (prefix `TENANTRY_`)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from tenantry_api.engine import asyncpg_url

__all__ = ["SettingWrong", "Settings", "split_address"]


class SettingWrong(Exception):  # noqa: N818  # a finding
    """What only the start finds out about a setting, such as a file that is not there."""

    def __init__(self, setting: str, problem: str) -> None:
        super().__init__(f"{setting}: {problem}")
        self.setting = setting
        self.problem = problem


def _origin(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.path.strip("/") or parts.query:
        raise ValueError("must be scheme://host[:port] without a path, such as https://tracking.example.org")
    return f"{parts.scheme}://{parts.netloc}"


def _issuer(value: str) -> str:
    """As it stands: an issuer is compared letter by letter (OpenID Connect Discovery 1.0, 4.3)."""
    if urlsplit(value).scheme not in {"http", "https"} or not urlsplit(value).netloc:
        raise ValueError("must be the URL that the sign-in provider calls itself, such as https://login.example.org")
    return value


def _database(value: SecretStr) -> SecretStr:
    asyncpg_url(value.get_secret_value())
    return value


def _address(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:  # noqa: PLR2004 - the highest TCP port
        raise ValueError("must be host:port, such as 127.0.0.1:8080")
    return value


def _address_or_none(value: str) -> str:
    return value and _address(value)


def split_address(address: str) -> tuple[str, int]:
    """Host and port of an address that a setting has."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="TENANTRY_", frozen=True, extra="ignore", hide_input_in_errors=True)

    # PostgreSQL with the catalog, as the role `api`: postgresql://api:password@host:port/database.
    catalog_url: Annotated[SecretStr, AfterValidator(_database)]
    # What people and clients type. Cookies, redirects and the OIDC callback are made from it.
    public_url: Annotated[str, AfterValidator(_origin)] = "http://127.0.0.1:8080"
    listen: Annotated[str, AfterValidator(_address)] = "127.0.0.1:8080"
    # Where /readyz and /metrics are, at a port that nobody comes in by; where everything is when empty.
    metrics_listen: Annotated[str, AfterValidator(_address_or_none)] = ""
    # The write-ahead log. On a disk that survives the process; one directory per door.
    record_directory: Path
    # Ed25519, PEM, PKCS#8: signs checkpoints and exports.
    signing_key_file: Path
    # Where checkpoints are published, off the database; `checkpoints` beside the record's directory when empty.
    checkpoint_directory: Path | None = None
    # How checkpoints call this installation; the host of `public_url` when empty.
    log_origin: str = ""
    oidc_issuer: Annotated[str, AfterValidator(_issuer)]
    oidc_client_id: str = "tenantry"
    oidc_client_secret: SecretStr | None = None
    # What a ServiceAccount token has to be projected for; `public_url` when empty.
    workload_audience: str = ""
    # How long a request waits for a backend that starts, in seconds.
    wake_timeout: float = Field(default=30.0, gt=0)

    # How long the door goes on serving after SIGTERM while it says that it is not ready, in seconds.
    stop_delay: float = Field(default=0.0, ge=0)

    @field_validator("metrics_listen")
    @classmethod
    def _apart(cls, value: str, info: ValidationInfo) -> str:
        """The port alone tells the two apart when a request comes in."""
        port = value.rpartition(":")[2]
        if port not in {"", "0"} and port == info.data.get("listen", "").rpartition(":")[2]:
            raise ValueError("must have another port than TENANTRY_LISTEN, such as 127.0.0.1:8081")
        return value

    @property
    def port(self) -> int:
        return split_address(self.listen)[1]

    @property
    def checkpoints(self) -> Path:
        return self.checkpoint_directory or self.record_directory.parent / "checkpoints"

    @property
    def audience(self) -> str:
        """What a ServiceAccount token has to name in `aud`."""
        return self.workload_audience or self.public_url

    @property
    def origin(self) -> str:
        """The prefix of every checkpoint's origin line."""
        return self.log_origin or urlsplit(self.public_url).netloc
