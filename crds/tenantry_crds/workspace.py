"""The kind `Workspace`: a tenant, who may do what in all of its projects, and what they inherit."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StrictInt

from tenantry_crds.meta import (
    API_VERSION,
    NAMESPACE_PREFIX,
    Access,
    DeletionPolicy,
    DisplayName,
    Hibernation,
    Metadata,
    Policy,
    Quantity,
    Status,
    Value,
)

__all__ = ["Defaults", "Workspace", "WorkspaceQuota", "WorkspaceSpec"]


class WorkspaceQuota(Value):
    """Limits for the whole workspace; a limit that is not given is none."""

    projects: Annotated[StrictInt, Field(ge=0, le=100_000)] | None = None
    """How many projects the workspace may have."""
    cpu: Quantity | None = None
    """CPU that its backends may request together, like 8 or 500m."""
    memory: Quantity | None = None
    """Memory that its backends may request together, like 32Gi."""
    storage: Quantity | None = None
    """Bytes of artifacts that its projects may hold together, like 500Gi."""


class Defaults(Value):
    """What a project gets that does not say otherwise."""

    hibernation: Hibernation = Hibernation()
    """When an idle backend is stopped."""
    policy: Policy | None = None
    """What every run must carry."""


class WorkspaceSpec(Value):
    """A tenant as its owners want it."""

    display_name: DisplayName = ""
    """The name on pages; without it the name of the resource."""
    access: Access = ()
    """Grants that hold in every project of the workspace."""
    quota: WorkspaceQuota = WorkspaceQuota()
    """Limits for the whole workspace."""
    defaults: Defaults = Defaults()
    """What its projects inherit."""
    deletion_policy: DeletionPolicy = DeletionPolicy.RETAIN
    """What becomes of the data when this resource is deleted: Retain keeps it, Archive exports it first, Delete
    removes it."""


class WorkspaceStatus(Status):
    """What the operator found out about the workspace."""

    projects: Annotated[int, Field(ge=0)] = 0
    """How many projects it has."""


def _no_namespace(namespace: str | None) -> None:
    if namespace is not None:
        raise ValueError("must not be given: a Workspace belongs to no namespace, it makes one")


class WorkspaceMetadata(Metadata):
    namespace: Annotated[str | None, AfterValidator(_no_namespace)] = None


class Workspace(Value):
    """A tenant: a namespace with limits, and the grants and defaults of its projects."""

    api_version: Literal["tenantry.dev/v1alpha1"] = API_VERSION
    kind: Literal["Workspace"] = "Workspace"
    metadata: WorkspaceMetadata
    spec: WorkspaceSpec = WorkspaceSpec()
    status: WorkspaceStatus = WorkspaceStatus()

    @property
    def name(self) -> str:
        return self.metadata.name

    @property
    def namespace(self) -> str:
        """The namespace that its projects live in."""
        return NAMESPACE_PREFIX + self.name
