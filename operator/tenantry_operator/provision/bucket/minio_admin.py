"""Users through MinIO's admin API, which is its own.

A user of MinIO *is* a key: its name and its password, both chosen by us. So a project has two names that its keys take
in turn, and what joins them is a policy of the project's name, whose ID says whose it is.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from hashlib import sha256
from typing import Any, Final
from urllib.parse import urlsplit

import urllib3
from minio.credentials.providers import StaticProvider
from minio.error import MinioAdminException
from minio.minioadmin import MinioAdmin
from pydantic import SecretStr

from tenantry_operator.errors import ProvisionFailed
from tenantry_operator.facts import BucketKey, BucketPlan
from tenantry_operator.plan.labels import agrees
from tenantry_operator.provision.bucket import StorageSettings
from tenantry_operator.provision.bucket.policy import document
from tenantry_operator.provision.bucket.words import ENDPOINT, KEY, SECRET_KEY, distrust

__all__ = ["MinioUsers"]

_CURES: Final = {
    "XMinioInvalidIAMCredentials": f"check {KEY}",
    "InvalidAccessKeyId": f"the storage does not know this key: check {KEY}",
    "SignatureDoesNotMatch": f"the secret is not this key's: check {SECRET_KEY}",
    "AccessDenied": "the key may not do this: give the administrator's key the policy in docs/storage.md",
}
_ABSENT: Final = frozenset({"XMinioAdminNoSuchUser", "XMinioAdminNoSuchPolicy"})
# Seconds; two attempts in all.
_TIMEOUT: Final = urllib3.Timeout(connect=5, read=10)
_RETRIES: Final = urllib3.Retry(total=1, status=0)
# MinIO takes names of 3 to 20 characters, and passwords of 8 to 40.
_NAME: Final = 19
_PASSWORD_BYTES: Final = 30


class MinioUsers:
    """Fulfils `Users`. At rest `ensure` and `keys` are three reads."""

    def __init__(self, settings: StorageSettings) -> None:
        self._settings = settings

    def owns(self, plan: BucketPlan) -> bool:
        with _explained(f"looking for policy {plan.user}"):
            policy = self._policy(plan)
        return policy is None or agrees(policy.get("ID"), plan.label)

    def ensure(self, plan: BucketPlan) -> None:
        with _explained(f"making policy {plan.user}"):
            policy, wanted = self._policy(plan), _policy_of(plan)
            if policy is not None and not agrees(policy.get("ID"), plan.label):
                raise ProvisionFailed(
                    f"policy {plan.user} is there and is not this project's, its ID is '{policy.get('ID', '')}': "
                    f"rename it, or if it is, set its ID to '{plan.label}'"
                )
            if policy is None or policy.get("ID") != plan.label or _in_order(policy) != _in_order(wanted):
                self._admin.policy_add(plan.user, policy=wanted)

    def keys(self, plan: BucketPlan) -> frozenset[str]:
        with _explained(f"looking for the keys of {plan.user}"):
            return frozenset(name for name in _names(plan) if self._usable(plan, name))

    def make_key(self, plan: BucketPlan) -> BucketKey:
        with _explained(f"making a key of {plan.user}"):
            name = next(name for name in _names(plan) if not self._usable(plan, name))
            password = SecretStr(secrets.token_urlsafe(_PASSWORD_BYTES))
            self._admin.user_add(name, password.get_secret_value())
            self._admin.policy_set(plan.user, user=name)
        return BucketKey(name, password)

    def delete_key(self, plan: BucketPlan, access_key: str) -> None:
        with _explained(f"deleting a key of {plan.user}"):
            _unless_absent(self._admin.user_remove, access_key)

    def remove(self, plan: BucketPlan) -> None:
        with _explained(f"deleting policy {plan.user}"):
            for name in _names(plan):
                _unless_absent(self._admin.user_remove, name)
            _unless_absent(self._admin.policy_remove, plan.user)

    @cached_property
    def _admin(self) -> MinioAdmin:
        settings, address = self._settings, urlsplit(self._settings.endpoint or "")
        if not (address.netloc and settings.access_key and settings.secret_key):
            raise ProvisionFailed(f"MinIO has to be named: set {ENDPOINT} and {KEY}")
        return MinioAdmin(
            endpoint=address.netloc,
            credentials=StaticProvider(settings.access_key, settings.secret_key.get_secret_value()),
            region=settings.region,
            secure=address.scheme == "https",
            http_client=urllib3.PoolManager(
                timeout=_TIMEOUT, retries=_RETRIES, maxsize=16, ca_certs=settings.authority and str(settings.authority)
            ),
        )

    def _policy(self, plan: BucketPlan) -> dict[str, Any] | None:
        found = _unless_absent(self._admin.policy_info, plan.user)
        return None if found is None else json.loads(found)

    def _usable(self, plan: BucketPlan, name: str) -> bool:
        """A user whose policy was not set, because we were killed before, opens nothing: it is made again."""
        found = _unless_absent(self._admin.user_info, name)
        return found is not None and json.loads(found).get("policyName") == plan.user


def _names(plan: BucketPlan) -> tuple[str, str]:
    own = f"tnt{sha256(plan.user.encode()).hexdigest()}"[:_NAME]
    return f"{own}a", f"{own}b"


def _policy_of(plan: BucketPlan) -> dict[str, Any]:
    return {"ID": plan.label, **document(plan)}


def _in_order(policy: dict[str, Any]) -> list[str]:
    """MinIO gives lists back in an order of its own."""
    statements = (
        statement | {"Action": sorted(statement["Action"]), "Resource": sorted(statement["Resource"])}
        for statement in policy.get("Statement", ())
    )
    return sorted(json.dumps(statement, sort_keys=True) for statement in statements)


@contextmanager
def _explained(what: str) -> Iterator[None]:
    try:
        yield
    except MinioAdminException as error:
        code = _code_of(error)
        raise ProvisionFailed(f"{what}: MinIO answered {code}: {_CURES.get(code, 'see its log')}") from error
    except urllib3.exceptions.HTTPError as error:
        silence = f"MinIO does not answer ({type(error).__name__}): check {ENDPOINT}"
        raise ProvisionFailed(f"{what}: {distrust(error) or silence}") from error


def _code_of(error: MinioAdminException) -> str:
    """Return MinIO's name for what happened; the answer is JSON, or XML where the key was refused."""
    body, status = str(error._body), str(error._code)  # noqa: SLF001  it has no other accessors
    if body.startswith("{"):
        return str(json.loads(body).get("Code", status))
    return body.partition("<Code>")[2].partition("</Code>")[0] or status


def _unless_absent(call: Any, name: str) -> str | None:
    """Return the answer, or None when what it is about is not there."""
    try:
        return str(call(name))
    except MinioAdminException as error:
        if _code_of(error) in _ABSENT:
            return None
        raise
