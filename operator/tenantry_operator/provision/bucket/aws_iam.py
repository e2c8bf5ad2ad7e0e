"""Users through AWS's own IAM API: on AWS, on versitygw, and whatever else speaks it.

A user's path says whose it is, and lets the administrator's key be limited to users below it. Policies are inline,
since not every storage has others.
"""

from __future__ import annotations

import json
from typing import Any, Final

from botocore.exceptions import ClientError
from pydantic import SecretStr

from tenantry_operator.errors import ProvisionFailed
from tenantry_operator.facts import BucketKey, BucketPlan
from tenantry_operator.plan.labels import unsigned
from tenantry_operator.provision.bucket.clients import Clients
from tenantry_operator.provision.bucket.policy import document
from tenantry_operator.provision.bucket.words import code_of, explained

__all__ = ["AwsIam"]

_POLICY: Final = "tenantry"
_GONE: Final = "NoSuchEntity"


class AwsIam:
    """Fulfils `Users`. At rest `ensure` and `keys` are three reads."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def owns(self, plan: BucketPlan) -> bool:
        with explained(f"looking for user {plan.user}"):
            path = self._path(plan)
        return path is None or _agrees(path, plan)

    def ensure(self, plan: BucketPlan) -> None:
        with explained(f"making user {plan.user}"):
            path = self._path(plan)
            wanted = _path_of(plan.label)
            if path is None:
                self._clients.iam.create_user(UserName=plan.user, Path=wanted)
            elif not _agrees(path, plan):
                raise ProvisionFailed(
                    f"user {plan.user} is there and is not this project's, its path is {path}: rename it, or if it "
                    f"is, set its path to {wanted}"
                )
            elif path != wanted:
                self._clients.iam.update_user(UserName=plan.user, NewPath=wanted)
            self._ensure_policy(plan)

    def keys(self, plan: BucketPlan) -> frozenset[str]:
        with explained(f"looking for the keys of user {plan.user}"):
            return self._keys(plan)

    def make_key(self, plan: BucketPlan) -> BucketKey:
        with explained(f"making a key of user {plan.user}"):
            made = self._clients.iam.create_access_key(UserName=plan.user)["AccessKey"]
        return BucketKey(made["AccessKeyId"], SecretStr(made["SecretAccessKey"]))

    def delete_key(self, plan: BucketPlan, access_key: str) -> None:
        with explained(f"deleting a key of user {plan.user}"):
            _unless_gone(self._clients.iam.delete_access_key, UserName=plan.user, AccessKeyId=access_key)

    def remove(self, plan: BucketPlan) -> None:
        with explained(f"deleting user {plan.user}"):
            # A key that is limited to a path may not even ask for what a user has who is not there.
            if self._path(plan) is None:
                return
            for access_key in self._keys(plan):
                _unless_gone(self._clients.iam.delete_access_key, UserName=plan.user, AccessKeyId=access_key)
            _unless_gone(self._clients.iam.delete_user_policy, UserName=plan.user, PolicyName=_POLICY)
            _unless_gone(self._clients.iam.delete_user, UserName=plan.user)

    def _path(self, plan: BucketPlan) -> str | None:
        found = _unless_gone(self._clients.iam.get_user, UserName=plan.user)
        return None if found is None else str(found["User"]["Path"])

    def _keys(self, plan: BucketPlan) -> frozenset[str]:
        found = _unless_gone(self._clients.iam.list_access_keys, UserName=plan.user)
        return frozenset(key["AccessKeyId"] for key in found["AccessKeyMetadata"]) if found else frozenset()

    def _ensure_policy(self, plan: BucketPlan) -> None:
        wanted = document(plan, self._clients.partition)
        found = _unless_gone(self._clients.iam.get_user_policy, UserName=plan.user, PolicyName=_POLICY)
        if found is None or found["PolicyDocument"] != wanted:
            self._clients.iam.put_user_policy(UserName=plan.user, PolicyName=_POLICY, PolicyDocument=json.dumps(wanted))


def _path_of(label: str) -> str:
    """Return the label as a path: `/tenantry.dev/project/vision/segmentation@<installation>/`."""
    return f"/{label.replace(': ', '/')}/"


def _agrees(path: str, plan: BucketPlan) -> bool:
    return path in {_path_of(plan.label), _path_of(unsigned(plan.label))}


def _unless_gone(call: Any, **arguments: str) -> Any:
    """Return the answer, or None when what it is about is not there."""
    try:
        return call(**arguments)
    except ClientError as error:
        if code_of(error) == _GONE:
            return None
        raise
