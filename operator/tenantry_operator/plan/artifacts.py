"""Where a project's artifacts lie."""

from __future__ import annotations

from tenantry_crds.meta import NAMESPACE_PREFIX
from tenantry_crds.project import ArtifactStore
from tenantry_operator.facts import ArtifactPlan, BucketPlan, Buckets, DirectoryPlan, Installation, Machine, ProjectKey
from tenantry_operator.plan.labels import project_label
from tenantry_operator.plan.naming import bucket_name, database_name, user_id

__all__ = ["plan_artifacts"]


def plan_artifacts(key: ProjectKey, installation: Installation, store: ArtifactStore) -> ArtifactPlan:
    if isinstance(installation, Machine):
        directory = installation.artifact_directory / key.workspace / key.project
        return DirectoryPlan(directory, user_id(key) if installation.own_uids else None)
    bucket, prefix = _place(key, installation, store)
    return BucketPlan(
        bucket=bucket,
        prefix=prefix,
        user=database_name(key),
        label=project_label(key, installation.identity),
        given_secret=f"{NAMESPACE_PREFIX}{key.workspace}/{store.secret_name}" if store.secret_name else None,
        keyless=installation.keyless or bool(store.service_account_annotations),
        named=store.bucket is not None,
    )


def _place(key: ProjectKey, installation: Buckets, store: ArtifactStore) -> tuple[str, str]:
    if store.bucket:
        return store.bucket, store.prefix or ""
    if installation.bucket:
        return installation.bucket, f"{key.workspace}/{key.project}/"
    return bucket_name(key), ""
