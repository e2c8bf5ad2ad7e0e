"""Keys that somebody else made, and put into a Secret of the project's namespace."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Callable

from pydantic import SecretStr

from tenantry_operator.facts import BucketKey
from tenantry_operator.runtime.kubernetes.client import Client
from tenantry_operator.runtime.kubernetes.kinds import Ref

__all__ = ["read_given"]


def read_given(client: Client) -> Callable[[str], BucketKey | None]:
    """Return a reader of `namespace/name`: None when the Secret or one of its two fields is not there."""

    def read(place: str) -> BucketKey | None:
        namespace, _, name = place.partition("/")
        secret = client.get(Ref("Secret", namespace, name))
        data = (secret or {}).get("data") or {}
        try:
            access, key = (b64decode(data[field]).decode() for field in ("accessKeyId", "secretAccessKey"))
        except (KeyError, NotBase64, UnicodeDecodeError):
            return None
        return BucketKey(access.strip(), SecretStr(key.strip())) if access.strip() and key.strip() else None

    return read
