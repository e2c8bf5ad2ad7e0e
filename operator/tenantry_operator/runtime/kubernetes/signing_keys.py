"""The keys that the cluster signs ServiceAccount tokens with, as it publishes them (OIDC Discovery 1.0, RFC 7517)."""

from __future__ import annotations

from typing import Any

from tenantry_operator.runtime.kubernetes.client import Client

__all__ = ["signing_keys"]


def signing_keys(client: Client) -> tuple[str, dict[str, dict[str, Any]]]:
    """Return the issuer and its keys by `kid`. Raises OperatorError."""
    issuer = client.raw("/.well-known/openid-configuration")["issuer"]
    # Its `jwks_uri` is for readers outside, and on some clouds leads to another host: these are the very keys.
    keys = client.raw("/openid/v1/jwks")["keys"]
    return issuer, {key["kid"]: key for key in keys}
