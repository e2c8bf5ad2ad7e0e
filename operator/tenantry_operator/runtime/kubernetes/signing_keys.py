"""The keys that the cluster signs ServiceAccount tokens with, as it publishes them (OIDC Discovery 1.0, RFC 7517)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from tenantry_operator.runtime.kubernetes.client import Client

__all__ = ["signing_keys"]


def signing_keys(client: Client) -> tuple[str, dict[str, dict[str, Any]]]:
    """Return the issuer and its keys by `kid`. Raises OperatorError."""
    discovery = client.raw("/.well-known/openid-configuration")
    # Its host is what tokens' readers outside use; we have a connection already.
    keys = client.raw(urlsplit(discovery["jwks_uri"]).path)
    return discovery["issuer"], {key["kid"]: key for key in keys["keys"]}
