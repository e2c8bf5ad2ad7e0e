"""Whose place in an object store it is. A project holds its place from when its storage was first found well on, until
its data is deleted: whoever only names one, in a spec that is refused, closes it to nobody.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, select, text, update

from tenantry_catalog import tables
from tenantry_operator.errors import ProvisionFailed
from tenantry_operator.facts import ArtifactPlan, BucketPlan, ProjectKey
from tenantry_operator.provision.bucket.words import BUCKET

__all__ = ["claim", "holder", "shared", "stay"]

# One that has no place yet comes after all that have one. Locations end with a slash.
_HOLDER: Final = text("""
SELECT workspace, name FROM catalog.project
WHERE (workspace, name) <> (:workspace, :project) AND artifacts <> ''
  AND (starts_with(artifacts, :artifacts) OR starts_with(:artifacts, artifacts))
  AND created_at < coalesce(
    (SELECT created_at FROM catalog.project WHERE (workspace, name) = (:workspace, :project) AND artifacts <> ''),
    'infinity')
ORDER BY created_at LIMIT 1
""")


def holder(connection: Connection, key: ProjectKey, place: ArtifactPlan) -> ProjectKey | None:
    """Return the project, declared or kept, that had this place in a bucket, or one that overlaps, before `key`."""
    if not isinstance(place, BucketPlan):
        return None
    row = connection.execute(_HOLDER, key._asdict() | {"artifacts": place.location}).one_or_none()
    return ProjectKey(*row) if row else None


def stay(place: ArtifactPlan, held: str) -> None:
    """Raise ProvisionFailed where a plan has another place than the one that the project holds: the manifest came back
    with another, or a setting changed. Its artifacts would seem to be gone.
    """
    if isinstance(place, BucketPlan) and held not in {"", place.location}:
        cure = f"put spec.artifacts or {BUCKET} back, or move them as docs/storage.md says"
        raise ProvisionFailed(f"its artifacts lie in {held}, and would be looked for in {place.location}: {cure}")


def shared(place: ArtifactPlan, holder: ProjectKey) -> str:
    return f"{place.location} is, or overlaps, the place of project {holder}"


def claim(connection: Connection, key: ProjectKey, place: ArtifactPlan) -> None:
    """Note that the project's artifacts lie in `place`, if nobody else's do. What lies in a bucket does not move."""
    mine = (tables.project.c.workspace == key.workspace) & (tables.project.c.name == key.project)
    known = connection.scalar(select(tables.project.c.artifacts).where(mine))
    if known == place.location or (isinstance(place, BucketPlan) and known):
        return
    if holder(connection, key, place) is None:
        connection.execute(update(tables.project).where(mine).values(artifacts=place.location))
