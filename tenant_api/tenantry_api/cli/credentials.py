"""Tokens of this machine's user, one for each server, in a file that nobody else can read.

`$XDG_CONFIG_HOME/tenantry/credentials` (`~/.config/…`): JSON, mode 0600, replaced as a whole.
"""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path

import typer
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

__all__ = ["Credential", "Credentials", "credentials_file", "load", "save", "token_from_environment"]


class Credential(BaseModel):
    model_config = ConfigDict(frozen=True)

    token: str
    expires_at: AwareDatetime


class Credentials(BaseModel):
    """`current` is the server that was signed in to last."""

    model_config = ConfigDict(frozen=True)

    current: str | None = None
    servers: dict[str, Credential] = {}

    def with_(self, url: str, credential: Credential) -> Credentials:
        return Credentials(current=url, servers=self.servers | {url: credential})


def credentials_file() -> Path:
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(home) / "tenantry" / "credentials"


def load() -> Credentials:
    """What is stored; nothing when there is no file. Stops the command when the file is not ours."""
    file = credentials_file()
    try:
        return Credentials.model_validate_json(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Credentials()
    except (OSError, ValidationError) as error:
        raise typer.BadParameter(f"{file} cannot be read; delete it and run `tenantry login`.") from error


def save(credentials: Credentials) -> None:
    """Written beside the file and moved over it: a reader never sees half, and never wider permissions."""
    file = credentials_file()
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, name = tempfile.mkstemp(dir=file.parent)  # mode 0600 from the start
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            opened.write(json.dumps(credentials.model_dump(mode="json"), indent=2) + "\n")
        Path(name).replace(file)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(name).unlink()
        raise


def token_from_environment() -> str | None:
    """Ours first, then the one that the MLflow client takes."""
    return os.environ.get("TENANTRY_TOKEN") or os.environ.get("MLFLOW_TRACKING_TOKEN")
