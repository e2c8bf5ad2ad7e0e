"""Whether an object on the cluster is still what was applied. Pure.

What others put there beside ours (defaults, injected containers, annotations) is theirs; what differs in ours is drift.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

from tenantry_crds.meta import GROUP, Quantity

__all__ = ["APPLIED", "differs", "stamped"]

# The digest of what was last applied: it tells when a field is no longer planned, which no comparison would.
APPLIED: Final = f"{GROUP}/applied"
# The fields that Kubernetes itself merges lists by.
_KEYS: Final = ("name", "containerPort", "mountPath", "port")


def stamped(desired: Mapping[str, Any]) -> dict[str, Any]:
    """Return the object with its own digest in an annotation."""
    digest = sha256(json.dumps(desired, sort_keys=True).encode()).hexdigest()[:32]
    metadata = dict(desired["metadata"])
    metadata["annotations"] = {**metadata.get("annotations", {}), APPLIED: digest}
    return {**desired, "metadata": metadata}


def differs(desired: object, live: object) -> bool:
    """Say whether something of `desired`, which is stamped, is not in `live`."""
    if isinstance(desired, Mapping):
        return not isinstance(live, Mapping) or any(differs(part, live.get(name)) for name, part in desired.items())
    if isinstance(desired, Sequence) and not isinstance(desired, str):
        return not isinstance(live, Sequence) or _lists_differ(desired, live)
    return desired != live and not _same_amount(desired, live)


def _lists_differ(desired: Sequence[Any], live: Sequence[Any]) -> bool:
    key = _merge_key(desired)
    if key is None:
        return len(desired) != len(live) or any(differs(one, other) for one, other in zip(desired, live, strict=True))
    known = {part.get(key): part for part in live if isinstance(part, Mapping)}
    return any(differs(part, known.get(part[key])) for part in desired)


def _merge_key(parts: Sequence[Any]) -> str | None:
    """Return the field that tells the parts of a list apart, if there is one; an injected part is then no drift."""
    for key in _KEYS:
        named = [part[key] for part in parts if isinstance(part, Mapping) and key in part]
        if parts and len(set(named)) == len(parts):
            return key
    return None


def _same_amount(desired: object, live: object) -> bool:
    """`1024Mi` is stored as `1Gi`."""
    try:
        return isinstance(desired, str) and isinstance(live, str) and Quantity.parse(desired) == Quantity.parse(live)
    except ValueError:
        return False
