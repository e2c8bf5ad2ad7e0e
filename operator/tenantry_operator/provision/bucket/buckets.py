"""Buckets, and what is in them, with the administrator's client. A tag says whose a project's own bucket is."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from tenantry_operator.errors import ProvisionFailed
from tenantry_operator.facts import BucketPlan
from tenantry_operator.plan.labels import agrees, workspace_label
from tenantry_operator.provision.bucket.clients import Clients
from tenantry_operator.provision.bucket.words import BUCKET, code_of, explained

__all__ = ["Buckets"]

_TAG: Final = "tenantry.dev/owner"
# The one region that CreateBucket does not take by name.
_FIRST_REGION: Final = "us-east-1"
# What DeleteObjects takes at a time, and ListBuckets gives.
_MOST: Final = 1000


class Buckets:
    """A plan with a prefix is for a bucket that is there for all and stays; one without, for a bucket of its own.

    One that a project's spec names is somebody's: our rights on it are used only where its tag says that it is for this
    project or workspace. Else whoever may write a spec could have a key to any bucket that the administrator reaches.
    It is never made here, and never deleted: it could be named like the one of a project that is yet to come.
    """

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._listed: frozenset[str] = frozenset()

    def ensure(self, plan: BucketPlan) -> None:
        """At rest this is one read."""
        with explained(f"bucket {plan.bucket}"):
            if plan.named:
                self.require(plan)
            elif not plan.prefix:
                self._ensure_own(plan)
            else:
                # HEAD would say no more than a status.
                self._clients.s3.list_objects_v2(Bucket=plan.bucket, Prefix=plan.prefix, MaxKeys=1)

    def owns(self, plan: BucketPlan) -> bool:
        """Say whether the bucket is the project's, or has a part for it. Reads only."""
        if plan.prefix and not plan.named:
            return True
        with explained(f"bucket {plan.bucket}"):
            return self._agrees(plan, self._tags(plan.bucket))

    def require(self, plan: BucketPlan) -> None:
        """Raise ProvisionFailed where `owns` says no."""
        if not self.owns(plan):
            raise _not_ours(plan)

    def remove(self, plan: BucketPlan) -> None:
        """Delete all objects with all versions, and the bucket that `ensure` made."""
        with explained(f"deleting the artifacts in s3://{plan.bucket}/{plan.prefix}"):
            try:
                self.empty(self._clients.s3, plan)
                if not (plan.prefix or plan.named):
                    self._clients.s3.delete_bucket(Bucket=plan.bucket)
                    # From here on, anybody can have the name.
                    self._listed -= {plan.bucket}
            except ClientError as error:
                if code_of(error) != "NoSuchBucket":
                    raise

    def empty(self, client: Any, plan: BucketPlan) -> None:
        """Delete what is below the prefix, uploads that were never completed included."""
        place = {"Bucket": plan.bucket, "Prefix": plan.prefix}
        found = _versions(client, place)
        while batch := list(islice(found, _MOST)):
            answer = client.delete_objects(Bucket=plan.bucket, Delete={"Objects": batch, "Quiet": True})
            if errors := answer.get("Errors"):
                raise ProvisionFailed(
                    f"{len(errors)} objects in s3://{plan.bucket}/{plan.prefix} cannot be deleted, the first because "
                    f"of {errors[0].get('Code')}: see whether they are locked"
                )
        for page in client.get_paginator("list_multipart_uploads").paginate(**place):
            for upload in page.get("Uploads", ()):
                client.abort_multipart_upload(Bucket=plan.bucket, Key=upload["Key"], UploadId=upload["UploadId"])

    def neighbour(self, plan: BucketPlan) -> str | None:
        """Return another bucket: the next by name, so that the projects try one another in a circle."""
        try:
            names = sorted(self._list(), key=lambda name: (name < plan.bucket, name))
        except (ClientError, BotoCoreError):
            return None
        return next((name for name in names if name != plan.bucket), None)

    def _ensure_own(self, plan: BucketPlan) -> None:
        tags = self._tags(plan.bucket)
        if _TAG not in tags and self._is_free(plan):
            self._create(plan.bucket)
        elif not self._agrees(plan, tags):
            raise _not_ours(plan)
        if tags.get(_TAG) != plan.label:
            wanted = [{"Key": key, "Value": value} for key, value in (tags | {_TAG: plan.label}).items()]
            self._clients.s3.put_bucket_tagging(Bucket=plan.bucket, Tagging={"TagSet": wanted})

    def _agrees(self, plan: BucketPlan, tags: dict[str, str]) -> bool:
        """A tag may name the project, or, where projects have parts, the workspace. All accounts share the names, and
        anybody may tag a bucket of his own: one that no spec named has to be in this account.
        """
        found = tags.get(_TAG)
        if not plan.named:
            return agrees(found, plan.label) and self._is_listed(plan.bucket)
        return agrees(found, plan.label) or bool(plan.prefix and agrees(found, workspace_label(plan.label)))

    def _is_listed(self, bucket: str) -> bool:
        """Ask again for one that was not in the last list: projects are many, and at rest this is no read."""
        if bucket not in self._listed:
            self._listed = self._list()
        return bucket in self._listed

    def _list(self) -> frozenset[str]:
        """Return the names of all buckets of the account."""
        pages = self._clients.s3.get_paginator("list_buckets").paginate(PaginationConfig={"PageSize": _MOST})
        return frozenset(bucket["Name"] for page in pages for bucket in page.get("Buckets", ()))

    def _tags(self, bucket: str) -> dict[str, str]:
        """Return the bucket's tags: none when there is no such bucket. Not every storage tells these apart."""
        try:
            found = self._clients.s3.get_bucket_tagging(Bucket=bucket)["TagSet"]
        except ClientError as error:
            if code_of(error) in {"NoSuchBucket", "NoSuchTagSet"}:
                return {}
            raise
        return {tag["Key"]: tag["Value"] for tag in found}

    def _create(self, bucket: str) -> None:
        region = self._clients.s3.meta.region_name
        place = {} if region == _FIRST_REGION else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        try:
            self._clients.s3.create_bucket(Bucket=bucket, **place)
        except ClientError as error:
            if code_of(error) != "BucketAlreadyOwnedByYou":
                raise

    def _is_free(self, plan: BucketPlan) -> bool:
        """Say whether nobody has it: it is not there, or as a kill leaves it, with no tag of ours and no object."""
        try:
            found = self._clients.s3.list_objects_v2(Bucket=plan.bucket, MaxKeys=1)
        except ClientError as error:
            if code_of(error) == "NoSuchBucket":
                return True
            raise
        return not found.get("KeyCount")


def _not_ours(plan: BucketPlan) -> ProvisionFailed:
    if plan.named:
        other = "make it if it is not there, or make the project anew with another in spec.artifacts"
    else:
        other = f"name one for all in {BUCKET}"
    return ProvisionFailed(
        f"bucket {plan.bucket} is not this project's: {other}; if it is, set its tag {_TAG} to '{plan.label}'"
    )


def _versions(client: Any, place: dict[str, str]) -> Iterator[dict[str, str]]:
    for page in client.get_paginator("list_object_versions").paginate(**place):
        for version in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
            yield {"Key": version["Key"], "VersionId": version["VersionId"]}
