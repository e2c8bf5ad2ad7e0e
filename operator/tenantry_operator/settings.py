"""What the operator is told by its environment. The only module that reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from tenantry_catalog.engine import check_url

__all__ = ["Settings"]


def _database(value: SecretStr) -> SecretStr:
    check_url(value.get_secret_value())
    return value


_DatabaseUrl = Annotated[SecretStr, AfterValidator(_database)]


class Settings(BaseSettings):
    """`TENANTRY_` and the field's name in capitals."""

    model_config = SettingsConfigDict(env_prefix="TENANTRY_", frozen=True, extra="ignore")

    # Of the catalog, as its role `operator`.
    catalog_url: _DatabaseUrl
    # Of the PostgreSQL that gets the projects' databases, as a role that may create databases and roles.
    provision_url: _DatabaseUrl
    # Manifests: every *.yaml and *.yml below it.
    source_directory: Path
    # Passwords (0600), artifacts, and the last good version of each manifest. Losing it loses artifacts.
    state_directory: Path
