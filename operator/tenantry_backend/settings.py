"""What one server is told when it starts.

The operator writes it as JSON to an anonymous file and passes the descriptor: it is never an argument, a variable in
the environment of another process, or a file with a name.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, SecretStr

__all__ = ["ServerSettings"]

_MOST: Final = 64 * 1024


class ServerSettings(BaseModel):
    """One project's server."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # `postgresql://…` of the project's own role.
    database_url: SecretStr
    artifact_directory: Path
    # HOME and TMPDIR: uploads pass through it. Empty at start, gone after the stop.
    scratch_directory: Path
    # What the guard asks for.
    secret: SecretStr
    # Seconds that requests in flight have to end after SIGTERM.
    grace: int
    # The user and group to become, or None to stay what the spawner is.
    uid: int | None = None

    @classmethod
    def read(cls, descriptor: int) -> Self:
        """Read the whole file from its beginning, whatever its offset, and close it."""
        try:
            return cls.model_validate_json(os.pread(descriptor, _MOST, 0))
        finally:
            os.close(descriptor)
