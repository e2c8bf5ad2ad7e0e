"""What one server is told when it starts.

On one machine the operator writes it as JSON to an anonymous file and passes the descriptor; a pod finds it in a file
that only it can read. It is never an argument, nor a variable in the environment of another process.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

__all__ = ["URL_EXAMPLE", "S3Settings", "ServerSettings", "is_postgresql"]

URL_EXAMPLE: Final = "postgresql://role:password@host:5432/name"

_MOST: Final = 64 * 1024
_BUCKET: Final = r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?$"


def is_postgresql(url: str) -> bool:
    """Whether it is the address of a PostgreSQL. SQLAlchemy's own words would repeat it, and the password in it."""
    try:
        return make_url(url).get_backend_name() == "postgresql"
    except (ArgumentError, ValueError):
        return False


class S3Settings(BaseModel):
    """How a bucket is reached. Without a key, with the identity that the process has anyway (of its pod, its node)."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    # None: Amazon's.
    endpoint: str | None = Field(default=None, pattern=r"^https?://[^/@\s]+/?$")
    region: str | None = None
    access_key: SecretStr | None = None
    secret_key: SecretStr | None = None
    # PEM of the authority that its certificate is from; None: a public one.
    ca_file: Path | None = None

    @model_validator(mode="after")
    def _a_key_has_two_halves(self) -> Self:
        if (self.access_key is None) != (self.secret_key is None):
            raise ValueError("access_key and secret_key belong together: give both, or neither")
        return self


class ServerSettings(BaseModel):
    """One project's server."""

    # What was given is not repeated in an error: a secret may be in the wrong place.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    # `postgresql://…` of the project's own role.
    database_url: SecretStr
    # Exactly one of the two says where artifacts are.
    artifact_directory: Path | None = None
    artifact_uri: str | None = Field(default=None, pattern=_BUCKET)
    s3: S3Settings = S3Settings()
    # HOME and TMPDIR: uploads pass through it. Empty at start, gone after the stop.
    scratch_directory: Path
    # What the guard asks for.
    secret: SecretStr = Field(min_length=1)
    # Seconds that requests in flight have to end after SIGTERM.
    grace: int = Field(ge=0)
    # The user and group to become, or None to stay what the process is.
    uid: int | None = None

    @field_validator("database_url")
    @classmethod
    def _is_a_database(cls, value: SecretStr) -> SecretStr:
        if not is_postgresql(value.get_secret_value()):
            raise ValueError(f"write it like {URL_EXAMPLE}")
        return value

    @model_validator(mode="after")
    def _artifacts_have_one_place(self) -> Self:
        if (self.artifact_directory is None) == (self.artifact_uri is None):
            raise ValueError("give exactly one of artifact_directory and artifact_uri")
        if self.artifact_uri is None and "s3" in self.model_fields_set:
            raise ValueError("s3 is for an artifact_uri; there is none")
        return self

    @property
    def artifact_destination(self) -> str:
        """Where MLflow keeps artifacts, as an address."""
        if self.artifact_directory is not None:
            return self.artifact_directory.as_uri()
        assert self.artifact_uri is not None
        return self.artifact_uri

    @classmethod
    def read(cls, descriptor: int) -> Self:
        """Read the whole file from its beginning, whatever its offset, and close it."""
        try:
            return cls.model_validate_json(os.pread(descriptor, _MOST, 0))
        finally:
            os.close(descriptor)
