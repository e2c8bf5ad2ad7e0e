"""What makes databases, behind Protocols: every `ensure` may be repeated, and killed at any point."""

from __future__ import annotations

from typing import Protocol

from pydantic import SecretStr

from tenantry_operator.facts import DatabasePlan

__all__ = ["Databases", "SecretStore"]


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

    def remove(self, name: str) -> None:
        """Drop the database with all data, the role and its password."""
