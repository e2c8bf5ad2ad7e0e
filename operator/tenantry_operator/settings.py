"""What the operator is told by its environment. The only module that reads it."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["Settings"]


class Settings(BaseSettings):
    """`TENANTRY_` and the field's name in capitals."""

    model_config = SettingsConfigDict(env_prefix="TENANTRY_", frozen=True, extra="ignore")

    # Of the catalog, as its role `operator`.
    catalog_url: SecretStr
    # Of the PostgreSQL that gets the projects' databases, as a role that may create databases and roles.
    provision_url: SecretStr
    # Manifests: every *.yaml and *.yml below it.
    source_directory: Path
    # Passwords (0600), artifacts, and the last good version of each manifest. Losing it loses artifacts.
    state_directory: Path
