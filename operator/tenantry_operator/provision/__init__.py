"""What makes databases and places for artifacts, behind Protocols: every `ensure` may be repeated, and killed at any
point.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

from pydantic import SecretStr

from tenantry_operator.facts import ArtifactPlan, BucketKey, DatabasePlan, Probe

__all__ = ["Artifacts", "Databases", "SecretStore"]


class SecretStore(Protocol):
    """Keeps generated passwords by name: files on one machine, Secrets on Kubernetes."""

    def read(self, name: str) -> SecretStr | None: ...

    def write(self, name: str, value: SecretStr) -> None: ...

    def remove(self, name: str) -> None: ...


class Databases(Protocol):
    """Projects' databases. Errors that a person can do something about are ProvisionFailed."""

    def ensure(self, plan: DatabasePlan) -> SecretStr:
        """Make whatever is missing and return the URL with which the project's own role logs in."""

    def address(self, plan: DatabasePlan) -> SecretStr | None:
        """Return the same URL without touching anything, or None when the role has no password yet."""

    def rotate(self, plan: DatabasePlan) -> SecretStr:
        """Make another login the current one, and return its URL: `ensure` and `address` do so too from now on.

        The replaced one works until `retire`, and until then nothing happens here.
        """

    def retire(self, plan: DatabasePlan) -> None:
        """Let only the current login work. At rest this costs a look at what is kept here, and nothing else."""

    def age(self, plan: DatabasePlan) -> timedelta | None:
        """Return how long ago the current password was made; None when there is none, or nobody knows."""

    def remove(self, plan: DatabasePlan) -> None:
        """Drop the database with all data, its roles and their password; one that is not the project's stays."""


class Artifacts(Protocol):
    """Places for projects' artifacts. Errors that a person can do something about are ProvisionFailed."""

    def ensure(self, plan: ArtifactPlan) -> BucketKey | None:
        """Make whatever is missing and return the key that opens it; None where none is needed."""

    def key(self, plan: ArtifactPlan) -> BucketKey | None:
        """Return the same key without touching anything; None where there is none, or none yet."""

    def rotate(self, plan: ArtifactPlan) -> BucketKey | None:
        """Make another key the current one, which `ensure` and `key` return from now on; the replaced one still works.

        Nothing happens while the last rotation waits for `retire`.
        """

    def retire(self, plan: ArtifactPlan) -> None:
        """Let only the current key work. At rest this costs a look at what is kept here, and nothing else."""

    def age(self, plan: ArtifactPlan) -> timedelta | None:
        """Return how long ago the current key was made; None when there is none, or nobody knows."""

    def reader(self, plan: ArtifactPlan) -> BucketKey | None:
        """Return the key that reads all artifacts before they go; None where our own does. Raises ProvisionFailed when
        what lies there is not the project's: whoever writes a spec may name any place.
        """

    def remove(self, plan: ArtifactPlan) -> None:
        """Delete all artifacts, and whoever could use them. The server must be stopped."""

    def dismiss(self, plan: ArtifactPlan) -> None:
        """Delete whoever could use them, and no artifact."""

    def stores(self, plan: ArtifactPlan, key: BucketKey | None) -> Probe:
        """Write, read and delete something as the project's server does."""

    def confined(self, plan: ArtifactPlan, key: BucketKey | None) -> Probe:
        """Try to write and to list outside of the project's own place: both must be refused."""
