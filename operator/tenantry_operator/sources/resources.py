"""The custom resources as they were last seen, and what is known of each: the memory of the Kubernetes source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Lock
from typing import Any, Final

from tenantry_crds.manifest import InvalidManifest, parse
from tenantry_crds.meta import NAMESPACE_PREFIX
from tenantry_crds.project import Project
from tenantry_crds.workspace import Workspace
from tenantry_operator.facts import Key, ProjectKey, WorkspaceKey

__all__ = ["Resource", "Shelf"]

Document = Mapping[str, Any]

# Of a problem: it may name what somebody wrote, at any length.
_MOST: Final = 2000
# How many that are gone are remembered: more than writes are ever under way.
_GONE: Final = 1000


@dataclass(frozen=True, slots=True)
class Resource:
    """One custom resource. `good` is its last version that could be read; None when there was none."""

    kind: str
    namespace: str
    name: str
    uid: str
    version: int
    good: Workspace | Project | None
    status: Document
    finalizers: tuple[str, ...] = ()
    # Deleted, and waiting for its finalizers.
    going_since: datetime | None = None
    problem: str = ""

    @property
    def key(self) -> Key | None:
        """Whose it is, also where nothing else of it can be read; None for a project that is in no workspace."""
        if self.kind == "Workspace":
            return WorkspaceKey(self.name)
        if not self.namespace.startswith(NAMESPACE_PREFIX):
            return None
        return ProjectKey(self.namespace.removeprefix(NAMESPACE_PREFIX), self.name)


class Shelf:
    """Thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._all: dict[tuple[str, str, str], Resource] = {}
        self._by_key: dict[Key, Resource] = {}
        # At which version: the answer to our own write may come after the news of the end that it brought about.
        self._gone: dict[tuple[str, str, str], int] = {}

    def put(self, document: Document) -> tuple[Resource, bool]:
        """Remember it; say whether what people declare in it is news. An older version than the known one is none."""
        with self._lock:
            identity = _identity(document)
            known = self._all.get(identity)
            read = _read(document, known)
            if known and known.version >= read.version:
                return known, False
            if self._gone.get(identity, 0) >= read.version:
                return read, False
            self._all[identity] = read
            if read.key:
                self._by_key[read.key] = read
            return read, known is None or _declares(known) != _declares(read)

    def remove(self, document: Document) -> Resource | None:
        """Forget one that is gone, unless a newer one has its name."""
        identity, version = _identity(document), _version(document)
        with self._lock:
            self._gone[identity] = max(version, self._gone.pop(identity, 0))
            if len(self._gone) > _GONE:
                del self._gone[next(iter(self._gone))]
            return self._remove(identity, version)

    def keep_only(self, kind: str, there: frozenset[tuple[str, str]], version: int) -> list[Resource]:
        """Forget those of a kind that a list, by namespace and name, no longer has; return them. A list of `version`
        says nothing of what came after it.
        """
        with self._lock:
            gone = [which for which in self._all if which[0] == kind and which[1:] not in there]
            return [resource for which in gone if (resource := self._remove(which, version))]

    def get(self, key: Key) -> Resource | None:
        with self._lock:
            return self._by_key.get(key)

    def keys(self) -> list[Key]:
        """Return the workspaces first: their projects need them."""
        with self._lock:
            return sorted(self._by_key, key=lambda key: (isinstance(key, ProjectKey), key))

    def strays(self) -> list[Resource]:
        """Return those that are no workspace's and no project's."""
        with self._lock:
            return [resource for resource in self._all.values() if resource.key is None]

    def versions(self, kind: str) -> dict[tuple[str, str], int]:
        with self._lock:
            return {which[1:]: found.version for which, found in self._all.items() if which[0] == kind}

    def _remove(self, which: tuple[str, str, str], version: int) -> Resource | None:
        found = self._all.get(which)
        if found is None or found.version > version:
            return None
        del self._all[which]
        if found.key:
            self._by_key.pop(found.key, None)
        return found


def _identity(document: Document) -> tuple[str, str, str]:
    metadata = document["metadata"]
    return document["kind"], metadata.get("namespace", ""), metadata["name"]


def _version(document: Document) -> int:
    return int(document["metadata"]["resourceVersion"])


def _declares(resource: Resource) -> tuple[object, ...]:
    """What counts as news: not a status that we wrote ourselves."""
    declared = resource.good.model_copy(update={"status": None}) if resource.good else None
    return resource.uid, declared, resource.going_since, resource.problem


def _read(document: Document, known: Resource | None) -> Resource:
    metadata = document["metadata"]
    kind, namespace, name = _identity(document)
    read = Resource(
        kind=kind,
        namespace=namespace,
        name=name,
        uid=metadata["uid"],
        version=_version(document),
        good=None,
        status=document.get("status", {}),
        finalizers=tuple(metadata.get("finalizers", ())),
        going_since=datetime.fromisoformat(metadata["deletionTimestamp"]) if "deletionTimestamp" in metadata else None,
    )
    try:
        return replace(read, good=_parsed(document))
    except InvalidManifest as error:
        problem = str(error)
    except Exception as error:  # noqa: BLE001  the outer boundary of what people write
        problem = (
            f"this version of the operator cannot read it ({type(error).__name__}): write it anew, and report this"
        )
    before = known.good if known and known.uid == read.uid else None
    return replace(read, good=before, problem=problem[:_MOST])


def _parsed(document: Document) -> Workspace | Project:
    """The status is ours: what an older operator wrote there is no mistake of anybody's."""
    return parse({field: value for field, value in document.items() if field != "status"})
