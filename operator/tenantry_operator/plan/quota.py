"""The limits of a project, as the catalog holds them."""

from __future__ import annotations

from tenantry_crds.project import ProjectQuota

__all__ = ["plan_quota"]


def plan_quota(quota: ProjectQuota) -> dict[str, object]:
    """Return what is limited, camelCase; a limit that is not given is not there."""
    return quota.model_dump(mode="json", by_alias=True, exclude_none=True)
