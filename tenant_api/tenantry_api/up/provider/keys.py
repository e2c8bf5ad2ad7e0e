"""The signing key, which survives restarts in a file that only its owner reads."""

from __future__ import annotations

import os
from pathlib import Path

from joserfc.jwk import ECKey

__all__ = ["load_or_create"]


def load_or_create(file: Path) -> ECKey:
    """The key's id is its thumbprint (RFC 7638): another key is another id, which is how clients notice a rotation."""
    if not file.exists():
        _create(file)
    key = ECKey.import_key(file.read_bytes(), {"alg": "ES256", "use": "sig"})
    key.ensure_kid()
    return key


def _create(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    pem = ECKey.generate_key("P-256", private=True).as_pem(private=True)
    with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as opened:
        opened.write(pem)
