"""What a project's user may do: use its own objects, and list them. What is not said here is not allowed."""

from __future__ import annotations

from typing import Any, Final

from tenantry_operator.facts import BucketPlan

__all__ = ["document"]

# What MLflow calls. Versions, tags, locks and the bucket's own settings are the administrator's.
_ON_OBJECTS: Final = (
    "s3:GetObject",
    "s3:PutObject",
    "s3:DeleteObject",
    "s3:AbortMultipartUpload",
    "s3:ListMultipartUploadParts",
)


def document(plan: BucketPlan, partition: str = "aws") -> dict[str, Any]:
    """Return the policy. `partition` is `aws`, or another of AWS's worlds such as `aws-cn`."""
    bucket = f"arn:{partition}:s3:::{plan.bucket}"
    listing: dict[str, Any] = {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": [bucket]}
    if plan.prefix:
        # An asterisk matches nothing as well: the prefix itself may be listed, its neighbours may not.
        listing["Condition"] = {"StringLike": {"s3:prefix": [f"{plan.prefix}*"]}}
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": list(_ON_OBJECTS), "Resource": [f"{bucket}/{plan.prefix}*"]},
            listing,
        ],
    }
