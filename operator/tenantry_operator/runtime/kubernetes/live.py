"""What the operator has made on the cluster, as it is there now: filled by lists and watches, read by everybody.

Small: an object is kept compressed, without what the API server adds for itself. A thousand projects are some
megabytes. Anybody can put our label on something, in a namespace of their own too: only what has a name that we give,
where we give it, is kept.
"""

from __future__ import annotations

import json
import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from threading import Lock
from typing import Any, Final

from tenantry_crds.meta import NAMESPACE_PREFIX
from tenantry_operator.facts import Key, ProjectKey, WorkspaceKey
from tenantry_operator.plan.objects.metadata import BACKEND_PREFIX
from tenantry_operator.plan.objects.workspace import NAME
from tenantry_operator.runtime.kubernetes.client import Document
from tenantry_operator.runtime.kubernetes.kinds import KINDS, Ref, ref_of

__all__ = ["Live", "key_of"]

# A status is news each second while a pod starts; only those are kept that somebody looks at.
_STATUSES: Final = frozenset({"Deployment", "ResourceQuota"})


class Live:
    """Thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._objects: dict[Ref, tuple[int, bytes]] = {}
        self._by_key: defaultdict[Key, set[Ref]] = defaultdict(set)

    def get(self, ref: Ref) -> Document | None:
        with self._lock:
            found = self._objects.get(ref)
        if found is None:
            return None
        # Lists leave out the kind of each object, watches do not.
        return {"apiVersion": KINDS[ref.kind].api_version, "kind": ref.kind, **json.loads(zlib.decompress(found[1]))}

    def of(self, key: Key) -> frozenset[Ref]:
        """Return all that is named after this key."""
        with self._lock:
            return frozenset(self._by_key.get(key, ()))

    def keys(self) -> frozenset[Key]:
        with self._lock:
            return frozenset(key for key, refs in self._by_key.items() if refs)

    def put(self, kind: str, document: Mapping[str, Any]) -> Key | None:
        """Remember an object; return whose it is if this is news. An older version than the known one is none."""
        ref, version = ref_of(kind, document), _version(document)
        key = key_of(ref)
        if key is None:
            return None
        kept = zlib.compress(json.dumps(_essence(kind, document), sort_keys=True).encode(), 1)
        with self._lock:
            known = self._objects.get(ref)
            if known and (known[0] >= version or known[1] == kept):
                return None
            self._objects[ref] = version, kept
            self._by_key[key].add(ref)
        return key

    def remove(self, kind: str, document: Mapping[str, Any]) -> Key | None:
        """Forget an object that is gone, unless a newer one has its name; return whose it was."""
        ref = ref_of(kind, document)
        key = key_of(ref)
        with self._lock:
            known = self._objects.get(ref)
            if known and known[0] > _version(document):
                return None
            self._objects.pop(ref, None)
            if key is not None:
                self._by_key[key].discard(ref)
        return key

    def keep_only(self, kind: str, namespace: str, there: Iterable[Ref], version: int) -> frozenset[Key]:
        """Forget what a list of one namespace, or (empty) of all, no longer names; return whose it was. A list of
        `version` says nothing of what came after it.
        """
        named = frozenset(there)
        with self._lock:
            listed = {ref for ref in self._objects if ref.kind == kind and namespace in {"", ref.namespace}}
            gone = {ref for ref in listed - named if self._objects[ref][0] <= version}
            owners = frozenset(key for key, refs in self._by_key.items() if refs & gone)
            for ref in gone:
                del self._objects[ref]
            for key in owners:
                self._by_key[key] -= gone
        return owners


def key_of(ref: Ref) -> Key | None:
    """Return whose an object is, by its name: labels may be edited, and then it is drift of whose it was. None where we
    give no such name.
    """
    place = ref.name if ref.kind == "Namespace" else ref.namespace
    if not place.startswith(NAMESPACE_PREFIX):
        return None
    workspace = place.removeprefix(NAMESPACE_PREFIX)
    if ref.kind == "Namespace" or ref.name == NAME:
        return WorkspaceKey(workspace)
    if not ref.name.startswith(BACKEND_PREFIX):
        return None
    return ProjectKey(workspace, ref.name.removeprefix(BACKEND_PREFIX))


def _version(document: Mapping[str, Any]) -> int:
    """Return the resource version as a number: since Kubernetes 1.35 clients may compare them (KEP-5504)."""
    return int(document["metadata"].get("resourceVersion", 0))


def _essence(kind: str, document: Mapping[str, Any]) -> Document:
    metadata = document["metadata"]
    left_out = {"apiVersion", "kind", "metadata", "status"}
    kept: Document = {field: value for field, value in document.items() if field not in left_out}
    kept["metadata"] = {
        field: metadata[field]
        for field in ("name", "namespace", "uid", "labels", "annotations", "generation", "deletionTimestamp")
        if field in metadata
    }
    if kind in _STATUSES and "status" in document:
        kept["status"] = _names(document["status"]) if kind == "ResourceQuota" else document["status"]
    return kept


def _names(status: Mapping[str, Any]) -> Document:
    """What a quota counts. How much is used is news with each pod, and nobody here looks at it."""
    return {part: sorted(status.get(part, ())) for part in ("hard", "used")}
