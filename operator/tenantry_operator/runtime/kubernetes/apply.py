"""From planned objects to the cluster: apply what is missing or has drifted, delete what is planned no more."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tenantry_operator.facts import Key
from tenantry_operator.plan.objects import Manifest
from tenantry_operator.plan.objects.metadata import INSTALLATION
from tenantry_operator.runtime.kubernetes.client import Client, ClusterRefused, Document
from tenantry_operator.runtime.kubernetes.drift import differs, stamped
from tenantry_operator.runtime.kubernetes.kinds import Ref, ref_of
from tenantry_operator.runtime.kubernetes.live import Live

__all__ = ["TAKEN", "Applier"]

# Why an object that is somebody else's is not applied.
TAKEN: Final = "Taken"
_INVALID: Final = 422


class Applier:
    """Nothing is written where nothing has changed. Thread-safe for different keys."""

    def __init__(self, client: Client, live: Live) -> None:
        self._client, self._live = client, live

    def apply(self, key: Key, objects: Iterable[Manifest]) -> None:
        """Bring all that is named after `key` to what is planned. A half-done call is finished by the next."""
        planned = [stamped(document) for document in objects]
        for document in planned:
            self._ensure(document)
        self._prune(key, {ref_of(document["kind"], document) for document in planned})

    def remove(self, key: Key) -> bool:
        """Delete all of it; return whether nothing is left."""
        self._prune(key, frozenset())
        return not self._live.of(key)

    def _ensure(self, document: Document) -> None:
        ref = ref_of(document["kind"], document)
        live = self._live.get(ref)
        if live is None:
            if ref.kind == "Namespace":
                self._refuse_what_is_taken(ref, document)
            self._live.put(ref.kind, self._client.apply(document))
        elif differs(document, live):
            self._live.put(ref.kind, self._restore(ref, document))

    def _restore(self, ref: Ref, document: Document) -> Document:
        """Apply keeps what others added to a list, also where the whole then makes no sense, such as two ports of one
        name; then our lists replace theirs.
        """
        try:
            return self._client.apply(document)
        except ClusterRefused as error:
            if error.status != _INVALID:
                raise
        self._client.merge(ref, {part: value for part, value in document.items() if part not in {"apiVersion", "kind"}})
        return self._client.apply(document)

    def _refuse_what_is_taken(self, ref: Ref, document: Document) -> None:
        """A namespace that does not carry our labels is somebody's, with all that is in it."""
        there = self._client.get(ref)
        if there is not None and (whose := _owner(there)) != _owner(document):
            taken = f"belongs to installation {whose}" if whose else "was not made by Tenantry"
            raise ClusterRefused(409, TAKEN, f"{ref.kind} {ref.name} is there already and {taken}: rename or delete it")

    def _prune(self, key: Key, planned: Iterable[Ref]) -> None:
        # Namespaces are never pruned: what else is in them is not ours to delete.
        for ref in sorted(self._live.of(key) - frozenset(planned)):
            if ref.kind != "Namespace":
                self._client.delete(ref)


def _owner(document: Document) -> str:
    return str(document["metadata"].get("labels", {}).get(INSTALLATION, ""))
