"""The state directory of one machine's installation: what `tenantry up` keeps between two runs, and its lock.

Everything that is secret is generated here, once, and readable by its owner alone. A file appears whole or not at all,
so a run that was killed leaves nothing that the next one has to mend.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tenantry_catalog.roles import ROLES

__all__ = ["State", "StateInUse"]

# A run that was killed takes this long at most to stop all that it had started.
_LAST_RUN_ENDS_WITHIN = 20.0


class StateInUse(Exception):
    """Another run works on this directory. The message says which, and what to do."""


class State:
    """Paths, secrets and the lock below one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()
        self._lock: IO[str] | None = None

    @property
    def postgres(self) -> Path:
        return self.directory / "postgres"

    @property
    def operator(self) -> Path:
        return self.directory / "operator"

    @property
    def record(self) -> Path:
        return self.directory / "record"

    @property
    def signing_key(self) -> Path:
        return self.directory / "signing-key.pem"

    @property
    def provider_key(self) -> Path:
        return self.directory / "provider-key.pem"

    def log(self, name: str) -> Path:
        return self.directory / "logs" / f"{name}.log"

    def lock_descriptor(self) -> int:
        """For children to inherit: as long as one of them lives, the directory is locked."""
        if self._lock is None:
            raise RuntimeError("open() comes first")
        return self._lock.fileno()

    def open(self) -> None:
        """Make what is missing and take the lock. Waits for the children of a run that was killed."""
        self.directory.mkdir(parents=True, exist_ok=True)
        # As root, servers run as other users, who have to pass through to what is theirs; each secret is 0600.
        self.directory.chmod(0o711 if os.geteuid() == 0 else 0o700)
        self._take_lock()
        for folder in (self.operator, self.record, self.directory / "logs"):
            folder.mkdir(exist_ok=True)
        self.record.chmod(0o700)
        self._ensure(self.signing_key, _new_signing_key)

    def close(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def passwords(self) -> dict[str, str]:
        """One for each login role of the catalog."""
        file = self.directory / "passwords.json"
        self._ensure(file, lambda: json.dumps({role.name: secrets.token_urlsafe(24) for role in ROLES}).encode())
        return dict(json.loads(file.read_text()))

    def _ensure(self, file: Path, make: Callable[[], bytes]) -> None:
        if file.exists():
            return
        unfinished = file.with_name(f"{file.name}.new")
        unfinished.unlink(missing_ok=True)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(make())
        unfinished.rename(file)

    def _take_lock(self) -> None:
        self._lock = lock = (self.directory / "lock").open("a+")
        end = time.monotonic() + _LAST_RUN_ENDS_WITHIN
        while not _locked(lock):
            try:
                self._give_up_if_alive(end)
            except StateInUse:
                self.close()
                raise
            time.sleep(0.1)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()

    def _give_up_if_alive(self, end: float) -> None:
        owner = (self.directory / "lock").read_text()
        if Path(f"/proc/{owner}").exists() or time.monotonic() > end:
            raise StateInUse(
                f"{self.directory} is in use by process {owner}: stop that `tenantry up` first, "
                "or give this one a directory of its own with --state."
            )


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _new_signing_key() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
