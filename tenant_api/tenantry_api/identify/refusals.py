"""Every way in which we do not know who asks. `reason` is the stable word that records carry."""

from __future__ import annotations

from tenantry_api.facts import Refusal

__all__ = [
    "AUTHORIZATION_MALFORMED",
    "AUTHORIZATION_REPEATED",
    "AUTHORIZATION_UNSUPPORTED",
    "CREDENTIALS_MISSING",
    "CROSS_SITE",
    "IDENTITY_UNAVAILABLE",
    "ISSUER_REPLACED",
    "SESSION_EXPIRED",
    "SESSION_REPEATED",
    "SESSION_UNKNOWN",
    "TOKEN_EXPIRED",
    "TOKEN_MALFORMED",
    "TOKEN_REVOKED",
    "TOKEN_UNKNOWN",
    "unauthenticated",
]


def unauthenticated(reason: str, message: str) -> Refusal:
    """401 in MLflow's error shape; an API client never gets a redirect to a login page."""
    return Refusal(401, "UNAUTHENTICATED", reason, message)


_ANOTHER = "create a new one on the page /tokens or with `tenantry token create`"

AUTHORIZATION_MALFORMED = unauthenticated(
    "authorization_malformed",
    "The header Authorization cannot be read: send `Bearer <token>`, or `Basic` with a token as the password.",
)
AUTHORIZATION_REPEATED = unauthenticated(
    "authorization_repeated", "The request has several Authorization headers: send one."
)
AUTHORIZATION_UNSUPPORTED = unauthenticated(
    "authorization_unsupported", "This scheme of Authorization is not supported: send `Bearer <token>` or `Basic`."
)
CREDENTIALS_MISSING = unauthenticated(
    "credentials_missing",
    "Not signed in. Create a token on the page /tokens, or with `tenantry login`, and set MLFLOW_TRACKING_TOKEN to it.",
)
CROSS_SITE = Refusal(
    403,
    "PERMISSION_DENIED",
    "cross_site",
    "A signed-in browser may only change things from Tenantry's own pages; programs send a token instead of a cookie.",
)
IDENTITY_UNAVAILABLE = Refusal(
    503,
    "TEMPORARILY_UNAVAILABLE",
    "identity_unavailable",
    "The catalog's database does not answer, so nobody can be identified; try again in a moment.",
)
ISSUER_REPLACED = unauthenticated(
    "issuer_replaced", "Its owner signed in with another provider than people sign in with now: sign in again."
)
SESSION_EXPIRED = unauthenticated("session_expired", "The session has expired: sign in again on the page /login.")
SESSION_REPEATED = unauthenticated(
    "session_repeated", "The request has several session cookies: delete this site's cookies and sign in again."
)
SESSION_UNKNOWN = unauthenticated("session_unknown", "The session has ended: sign in again on the page /login.")
TOKEN_EXPIRED = unauthenticated("token_expired", f"The token has expired: {_ANOTHER}.")
TOKEN_MALFORMED = unauthenticated(
    "token_malformed", "This is not a token of Tenantry (tnt_…), or a character of it was lost: copy it again."
)
TOKEN_REVOKED = unauthenticated("token_revoked", f"The token was revoked: {_ANOTHER}.")
TOKEN_UNKNOWN = unauthenticated("token_unknown", f"The token is not known here: {_ANOTHER}.")
