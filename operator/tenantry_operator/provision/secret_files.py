"""A SecretStore in a directory: one file a secret, readable by the operator alone."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import SecretStr

__all__ = ["SecretFiles"]


class SecretFiles:
    """The directory is made with mode 0700, its files with 0600. A secret is durable when `write` returns."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def read(self, name: str) -> SecretStr | None:
        try:
            return SecretStr((self._directory / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None

    def write(self, name: str, value: SecretStr) -> None:
        # Under another name first: a kill leaves no half of a password behind.
        draft = self._directory / f"{name}~"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(value.get_secret_value())
            file.flush()
            os.fsync(file.fileno())
        draft.rename(self._directory / name)

    def remove(self, name: str) -> None:
        (self._directory / name).unlink(missing_ok=True)
