"""Authorize: may this principal do that, there, now? Deny and expiry beat every grant; no grant, no access."""

from __future__ import annotations

from tenantry_api.authorize.enforcer import Authorizer
from tenantry_api.authorize.policy import ROLE_PERMISSIONS

__all__ = ["ROLE_PERMISSIONS", "Authorizer"]
