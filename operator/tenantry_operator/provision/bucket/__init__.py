"""Artifacts in an S3 storage: each project has a bucket, or a part of one, and a key that opens nothing else.

Buckets are the same everywhere (`buckets`, `probes`); who may use them is not: a driver (`aws_iam`, `minio_admin`)
makes users and their keys, and `keys` keeps what the drivers made.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from pydantic import SecretStr

from tenantry_operator.facts import BucketKey, BucketPlan

__all__ = ["Keys", "StorageDriver", "StorageSettings", "Users"]


class StorageDriver(StrEnum):
    """How projects come by a key, TENANTRY_STORAGE_DRIVER."""

    AWS_IAM = "aws-iam"
    MINIO_ADMIN = "minio-admin"
    GIVEN = "given"
    WORKLOAD_IDENTITY = "workload-identity"


@dataclass(frozen=True, slots=True)
class StorageSettings:
    """Where the storage is, and the administrator's key: without one, the operator's own identity on AWS."""

    # `https://host:port`; None is AWS.
    endpoint: str | None = None
    region: str = "us-east-1"
    # None is the storage's endpoint, or AWS's own.
    iam_endpoint: str | None = None
    access_key: str | None = None
    secret_key: SecretStr | None = None
    # PEM of the authority that signed its certificate; None: one that everybody trusts.
    authority: Path | None = None


class Users(Protocol):
    """The users of a storage, one for each project. A method may be repeated after a kill at any point of it.

    What a person can do something about is ProvisionFailed.
    """

    def owns(self, plan: BucketPlan) -> bool:
        """Say whether the user of this name is the project's, or nobody's. Reads only."""

    def ensure(self, plan: BucketPlan) -> None:
        """Make the user, and let it use the plan's bucket or prefix and nothing else. Nothing is written at rest."""

    def keys(self, plan: BucketPlan) -> frozenset[str]:
        """Return the ids of the user's keys that can be used, or could be again; at most two."""

    def make_key(self, plan: BucketPlan) -> BucketKey:
        """Make one more. Its secret cannot be read a second time."""

    def delete_key(self, plan: BucketPlan, access_key: str) -> None:
        """Nothing happens when there is no such key."""

    def remove(self, plan: BucketPlan) -> None:
        """Delete keys, policy and user."""


class Keys(Protocol):
    """Where a project's key comes from, and where it is kept."""

    def owns(self, plan: BucketPlan) -> bool:
        """Say whether the user of this name is the project's, or nobody's."""

    def ensure(self, plan: BucketPlan) -> BucketKey | None:
        """Return the key that opens the bucket; None when none is needed."""

    def current(self, plan: BucketPlan) -> BucketKey | None:
        """Return it without touching anything; None when there is none yet."""

    def rotate(self, plan: BucketPlan) -> BucketKey | None:
        """Make another key the current one. The replaced one works until `retire`."""

    def retire(self, plan: BucketPlan) -> None:
        """Let only the current key work."""

    def age(self, plan: BucketPlan) -> timedelta | None:
        """Return how old the current key is; None when nobody knows."""

    def remove(self, plan: BucketPlan) -> None:
        """Delete the keys, and whoever held them."""
