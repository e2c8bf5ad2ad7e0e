"""The provider's settings and its users."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["Settings", "User", "load_users"]


def _loopback(value: str) -> str:
    host, _, port = value.rpartition(":")
    try:
        loopback = ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        loopback = False
    if not loopback or not port.isdigit():
        raise ValueError("the development provider listens on loopback only: give 127.0.0.1:port or [::1]:port")
    return value


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="TENANTRY_", frozen=True, extra="ignore")

    # host:port; port 0 takes a free one.
    provider_listen: Annotated[str, AfterValidator(_loopback)] = "127.0.0.1:8081"
    provider_users_file: Path
    # PEM, PKCS#8, P-256; made when it is missing. ID tokens stay valid over a restart because of it.
    provider_key_file: Path
    # Where the door is: the client's redirect URIs are made from it.
    public_url: str = "http://127.0.0.1:8080"
    # Set by whoever configures the door. Any issuer but this provider means that this provider has no business here.
    oidc_issuer: str = ""

    @property
    def host(self) -> str:
        return self.provider_listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.provider_listen.rpartition(":")[2])


class User(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    # The subject of its tokens, and what the picker sends.
    username: str = Field(pattern=r"^[a-z0-9-]+$")
    name: str = Field(min_length=1)
    email: str
    groups: tuple[str, ...] = ()


class _Users(BaseModel):
    model_config = ConfigDict(extra="forbid")

    users: list[User] = Field(min_length=1)


def load_users(file: Path) -> dict[str, User]:
    """The users of a YAML file, by username. Raises OSError, YAMLError or (pydantic's) ValueError."""
    document = _Users.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    return {user.username: user for user in document.users}
