"""Where projects' keys come from: made by a driver and kept here, given by somebody in a Secret, or not needed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from tenantry_operator.errors import ProvisionFailed
from tenantry_operator.facts import BucketKey, BucketPlan
from tenantry_operator.provision.bucket import Users
from tenantry_operator.provision.credential import Credential, Credentials, name_of_key

__all__ = ["GivenKeys", "IssuedKeys", "NoKeys", "ReadGiven"]

# The fields `accessKeyId` and `secretAccessKey` of the Secret that a plan names; None when one of them is missing.
ReadGiven = Callable[[str], BucketKey | None]

# So long may an IAM that answers from many places go on not to know a key that it has just made.
_SETTLING: Final = timedelta(minutes=1)


class IssuedKeys:
    """Keys that a driver makes. A user has one, and while it is rotated two.

    The secret of a key can be read only once, when the key is made. So a key whose secret is not kept here, because we
    were killed before it was, is of no use to anybody: it is deleted. What replaces what is kept with the secret.
    """

    def __init__(self, users: Users, credentials: Credentials) -> None:
        self._users = users
        self._credentials = credentials

    def owns(self, plan: BucketPlan) -> bool:
        return self._users.owns(plan)

    def ensure(self, plan: BucketPlan) -> BucketKey:
        self._users.ensure(plan)
        there, held = self._users.keys(plan), self._credentials.read(name_of_key(plan))
        if held is None:
            return self._make(plan, there, replaced="")
        if held.login not in there and not self._is_new(plan):
            return self._make(plan, there - {held.replaced}, held.replaced)
        for unknown in there - {held.login, held.replaced}:
            self._users.delete_key(plan, unknown)
        return _key(held)

    def current(self, plan: BucketPlan) -> BucketKey | None:
        held = self._credentials.read(name_of_key(plan))
        return None if held is None else _key(held)

    def rotate(self, plan: BucketPlan) -> BucketKey:
        """Nothing happens while the last rotation waits for `retire`."""
        before = self._credentials.read(name_of_key(plan))
        key = self.ensure(plan)
        if before is None or before.login != key.access_key or before.replaced:
            return key
        return self._make(plan, self._users.keys(plan) - {before.login}, before.login)

    def retire(self, plan: BucketPlan) -> None:
        """At rest this looks at nothing but what is kept here."""
        held = self._credentials.read(name_of_key(plan))
        if held and held.replaced:
            for other in self._users.keys(plan) - {held.login}:
                self._users.delete_key(plan, other)
            self._credentials.retire(name_of_key(plan))

    def age(self, plan: BucketPlan) -> timedelta | None:
        return self._credentials.age(name_of_key(plan))

    def remove(self, plan: BucketPlan) -> None:
        self._users.remove(plan)
        self._credentials.remove(name_of_key(plan))

    def _make(self, plan: BucketPlan, unknown: frozenset[str], replaced: str) -> BucketKey:
        """`unknown` are keys whose secret nobody has. First they go: a user may have two keys and no more."""
        for access_key in unknown:
            self._users.delete_key(plan, access_key)
        made = self._users.make_key(plan)
        return _key(self._credentials.write(name_of_key(plan), made.access_key, made.secret_key, replaced=replaced))

    def _is_new(self, plan: BucketPlan) -> bool:
        age = self._credentials.age(name_of_key(plan))
        return age is not None and age < _SETTLING


class GivenKeys:
    """Keys that somebody else made, and rotates."""

    def __init__(self, read: ReadGiven) -> None:
        self._read = read

    def owns(self, plan: BucketPlan) -> bool:  # noqa: ARG002  whoever named the Secret says so
        return True

    def ensure(self, plan: BucketPlan) -> BucketKey:
        if plan.given_secret is None:
            raise ProvisionFailed("no key is made here: name a Secret with accessKeyId and secretAccessKey in the spec")
        key = self._read(plan.given_secret)
        if key is None:
            raise ProvisionFailed(
                f"Secret {plan.given_secret} is not there, or has no accessKeyId and secretAccessKey: make it, with "
                f"a key that opens s3://{plan.bucket}/{plan.prefix}"
            )
        return key

    def current(self, plan: BucketPlan) -> BucketKey | None:
        return self._read(plan.given_secret) if plan.given_secret else None

    def rotate(self, plan: BucketPlan) -> BucketKey:
        """Return the key as it is: whoever gave it rotates it."""
        return self.ensure(plan)

    def retire(self, plan: BucketPlan) -> None:
        """Nothing of it is ours."""

    def age(self, plan: BucketPlan) -> timedelta | None:
        """Nobody told."""

    def remove(self, plan: BucketPlan) -> None:
        """Nothing of it is ours."""


class NoKeys:
    """For pods whose own identity opens the bucket."""

    def owns(self, plan: BucketPlan) -> bool:  # noqa: ARG002  there is no user
        return True

    def ensure(self, plan: BucketPlan) -> None:
        """There is none."""

    def current(self, plan: BucketPlan) -> None:
        """There is none."""

    def rotate(self, plan: BucketPlan) -> None:
        """There is none."""

    def retire(self, plan: BucketPlan) -> None:
        """There is none."""

    def age(self, plan: BucketPlan) -> None:
        """There is none."""

    def remove(self, plan: BucketPlan) -> None:
        """There is none."""


def _key(credential: Credential) -> BucketKey:
    return BucketKey(credential.login, credential.secret)
