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
    "WORKLOAD_ALGORITHM",
    "WORKLOAD_CLAIMS",
    "WORKLOAD_EARLY",
    "WORKLOAD_EXPIRED",
    "WORKLOAD_ISSUER_UNKNOWN",
    "WORKLOAD_KEY_UNKNOWN",
    "WORKLOAD_KEY_UNUSABLE",
    "WORKLOAD_LEGACY",
    "WORKLOAD_MALFORMED",
    "WORKLOAD_SIGNATURE",
    "unauthenticated",
    "workload_audience",
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
    "token_malformed",
    "This is no token of Tenantry (tnt_…) or of a ServiceAccount, or a character of it was lost: copy it again.",
)
TOKEN_REVOKED = unauthenticated("token_revoked", f"The token was revoked: {_ANOTHER}.")
TOKEN_UNKNOWN = unauthenticated("token_unknown", f"The token is not known here: {_ANOTHER}.")

_PROJECT_IT = "mount a projected ServiceAccount token, as docs/workload-identity.md says"

WORKLOAD_ALGORITHM = unauthenticated(
    "workload_algorithm", "The ServiceAccount token is signed with an algorithm that its key is not for."
)
WORKLOAD_CLAIMS = unauthenticated(
    "workload_claims", f"The token does not say which ServiceAccount it is of, or says it in two ways: {_PROJECT_IT}."
)
WORKLOAD_EARLY = unauthenticated(
    "workload_early", "The ServiceAccount token is not valid yet: compare the clocks of the cluster and of the door."
)
WORKLOAD_EXPIRED = unauthenticated(
    "workload_expired",
    "The ServiceAccount token has expired: read it from its file again, where the kubelet renews it.",
)
WORKLOAD_ISSUER_UNKNOWN = unauthenticated(
    "workload_issuer_unknown",
    "The token's issuer is not a cluster that this installation trusts. With `tenantry login` an ID token becomes one.",
)
WORKLOAD_KEY_UNKNOWN = unauthenticated(
    "workload_key_unknown",
    "The ServiceAccount token is signed with a key that the cluster does not publish (any more): use a fresh token.",
)
WORKLOAD_KEY_UNUSABLE = unauthenticated(
    "workload_key_unusable",
    "The cluster signs ServiceAccount tokens with a key that is not accepted: RSA from 2048 bits and P-256 are.",
)
WORKLOAD_LEGACY = unauthenticated(
    "workload_legacy", f"A ServiceAccount token without end or audience, from a Secret, is not accepted: {_PROJECT_IT}."
)
WORKLOAD_MALFORMED = unauthenticated(
    "workload_malformed", f"This looks like a ServiceAccount token and cannot be read: {_PROJECT_IT}."
)
WORKLOAD_SIGNATURE = unauthenticated(
    "workload_signature", "The signature of the ServiceAccount token is not right: was the token copied whole?"
)


def workload_audience(audience: str) -> Refusal:
    return unauthenticated(
        "workload_audience", f"The ServiceAccount token is for somebody else: project it with the audience {audience}."
    )
