"""Places for artifacts in buckets: the bucket, the user and its key, each made where it is missing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final

import structlog

from tenantry_operator.errors import ProvisionFailed
from tenantry_operator.facts import ArtifactPlan, BucketKey, BucketPlan, Probe
from tenantry_operator.provision import SecretStore
from tenantry_operator.provision.bucket import Keys, StorageDriver, StorageSettings, Users, probes
from tenantry_operator.provision.bucket.aws_iam import AwsIam
from tenantry_operator.provision.bucket.buckets import Buckets
from tenantry_operator.provision.bucket.clients import Clients
from tenantry_operator.provision.bucket.keys import GivenKeys, IssuedKeys, NoKeys, ReadGiven
from tenantry_operator.provision.bucket.words import explained
from tenantry_operator.provision.credential import Clock, Credentials, now

__all__ = ["BucketProvisioner", "make_provisioner"]

# A key that is younger may not be known everywhere; so many seconds a probe waits for it.
_NEW: Final = timedelta(minutes=1)
_PATIENCE: Final = 10.0

log = structlog.get_logger(__name__)


class BucketProvisioner:
    """Fulfils `Artifacts` for BucketPlan. Thread-safe, where one project is one thread's at a time.

    `keys` are the driver's; a plan that names a Secret, or needs no key, has others.
    """

    def __init__(self, clients: Clients, keys: Keys, read_given: ReadGiven) -> None:
        self._clients = clients
        self._buckets = Buckets(clients)
        self._keys = keys
        self._given = GivenKeys(read_given)

    def ensure(self, plan: ArtifactPlan) -> BucketKey | None:
        """At rest this writes nothing, and reads four times."""
        place = _mine(plan)
        keys = self._keys_of(place)
        if not isinstance(keys, GivenKeys):
            # A key that somebody gave opens a bucket that somebody made.
            self._buckets.ensure(place)
        return keys.ensure(place)

    def key(self, plan: ArtifactPlan) -> BucketKey | None:
        place = _mine(plan)
        return self._keys_of(place).current(place)

    def rotate(self, plan: ArtifactPlan) -> BucketKey | None:
        place = _mine(plan)
        return self._keys_of(place).rotate(place)

    def retire(self, plan: ArtifactPlan) -> None:
        place = _mine(plan)
        self._keys_of(place).retire(place)

    def age(self, plan: ArtifactPlan) -> timedelta | None:
        place = _mine(plan)
        return self._keys_of(place).age(place)

    def reader(self, plan: ArtifactPlan) -> BucketKey | None:
        """A key that was given reads what it opens. Ours could read anything: it reads what `remove` would delete."""
        place = _mine(plan)
        keys = self._keys_of(place)
        if isinstance(keys, GivenKeys):
            return keys.ensure(place)
        if not keys.owns(place):
            raise ProvisionFailed(f"user {place.user} is there and is not this project's: rename it")
        self._buckets.require(place)
        return keys.current(place)

    def remove(self, plan: ArtifactPlan) -> None:
        """What is not the project's is left alone: a user or a bucket of this name with another label.

        The user goes last. While it is there, the prefix is known to be the project's.
        """
        place = _mine(plan)
        keys = self._keys_of(place)
        if isinstance(keys, GivenKeys):
            self._empty_given(place, keys)
        elif keys.owns(place) and self._buckets.owns(place):
            self._buckets.remove(place)
        else:
            # Also of what was deleted already: a removal may be told of twice.
            log.info("no artifact deleted: the bucket is gone, or it or the user is another's", place=place.location)
        self.dismiss(place)

    def dismiss(self, plan: ArtifactPlan) -> None:
        place = _mine(plan)
        keys = self._keys_of(place)
        if keys.owns(place):
            keys.remove(place)

    def stores(self, plan: ArtifactPlan, key: BucketKey | None) -> Probe:
        place = _mine(plan)
        if key is None and (problem := self._not_ready(place)):
            return Probe(False, "NotProvisioned", problem)
        return probes.patiently(lambda: probes.stores(self._clients, place, key), self._patience(place))

    def confined(self, plan: ArtifactPlan, key: BucketKey | None) -> Probe:
        place = _mine(plan)
        return probes.patiently(
            lambda: probes.confined(self._clients, self._buckets, place, key), self._patience(place)
        )

    def _keys_of(self, plan: BucketPlan) -> Keys:
        if plan.given_secret is not None:
            return self._given
        return NoKeys() if plan.keyless else self._keys

    def _not_ready(self, plan: BucketPlan) -> str:
        """Say why nothing is tried without a key: the operator's own would open whatever place a spec names."""
        try:
            self.reader(plan)
        except ProvisionFailed as error:
            return str(error)
        return "" if isinstance(self._keys_of(plan), NoKeys) else "there is no key for it yet"

    def _empty_given(self, plan: BucketPlan, keys: GivenKeys) -> None:
        key = keys.ensure(plan)
        with (
            self._clients.project(key) as client,
            explained(f"deleting the artifacts in s3://{plan.bucket}/{plan.prefix}"),
        ):
            self._buckets.empty(client, plan)

    def _patience(self, plan: BucketPlan) -> float:
        age = self._keys_of(plan).age(plan)
        return _PATIENCE if age is not None and age < _NEW else 0.0


def make_provisioner(
    driver: StorageDriver,
    storage: StorageSettings,
    keys: SecretStore,
    *,
    read_given: ReadGiven = lambda _: None,
    clock: Clock = now,
) -> BucketProvisioner:
    """`read_given` reads the Secret that a plan names: see `ReadGiven`."""
    clients = Clients(storage)
    makers: dict[StorageDriver, Callable[[], Users]] = {
        StorageDriver.AWS_IAM: lambda: AwsIam(clients),
        StorageDriver.MINIO_ADMIN: lambda: _minio_users(storage),
    }
    if driver in makers:
        issued = IssuedKeys(makers[driver](), Credentials(keys, clock))
        return BucketProvisioner(clients, issued, read_given)
    others: dict[StorageDriver, Keys] = {
        StorageDriver.GIVEN: GivenKeys(read_given),
        StorageDriver.WORKLOAD_IDENTITY: NoKeys(),
    }
    return BucketProvisioner(clients, others[driver], read_given)


def _minio_users(storage: StorageSettings) -> Users:
    """MinIO's client takes megabytes of memory, and no other driver needs it."""
    from tenantry_operator.provision.bucket.minio_admin import MinioUsers  # noqa: PLC0415

    return MinioUsers(storage)


def _mine(plan: ArtifactPlan) -> BucketPlan:
    if not isinstance(plan, BucketPlan):
        raise ProvisionFailed("the artifacts of this project lie in a directory, and this installation has buckets")
    return plan
