"""Events to record, and exports made by hand as docs/audit-format.md says, without the code that makes them."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tenantry_api.facts import Action, Decision, Kind, Permission, Principal, PrincipalKind, Refusal, Resource
from tenantry_api.record.event import Client, Event, Head, intent, notice, outcome, refusal

__all__ = [
    "ALICE",
    "CLIENT",
    "KEY",
    "ORIGIN",
    "an_intent",
    "an_outcome",
    "events_with_everything",
    "some_leaves",
    "write_export",
]

ALICE = Principal(PrincipalKind.PERSON, "alice@example.org", "https://issuer.example.org", "u-1")
CLIENT = Client("192.0.2.7", "mlflow-python-client/3.17.2")
ORIGIN = "tenantry.example.org/vision"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))

_FIRST = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


def an_intent(nth: int = 0, *, log: str = "vision", kind: Kind = Kind.READ, resource: str = "0f3a") -> Event:
    """The same one for the same arguments."""
    return intent(
        Head(UUID(int=(7 << 76) + nth), _FIRST + timedelta(milliseconds=nth), log, ALICE, CLIENT),
        workspace=log,
        project="segmentation",
        action=replace(_action(resource), kind=kind),
        decision=Decision(allowed=True, rule="vision/segmentation: contributor to group vision-ml", revision=12),
    )


def _action(run: str) -> Action:
    return Action(
        kind=Kind.READ,
        permission=Permission.TRACKING_READ,
        operation="GetRun",
        method="GET",
        path="/api/2.0/mlflow/runs/get",
        query=f"run_id={run}",
        resources=(Resource("run", run),),
    )


def an_outcome(of: Event) -> Event:
    at = of.time + timedelta(microseconds=7_250)
    return outcome(of=of, at=at, status=200, bytes_in=0, bytes_out=512, completed=True)


def events_with_everything() -> list[Event]:
    """One of each stage, with no field empty."""
    begun = an_intent()
    action = replace(_action("0f3a"), body=b"{}")
    decision = Decision(allowed=False, rule="a rule", revision=12, decided_at=_FIRST)
    no = Refusal(403, "PERMISSION_DENIED", "no_grant", "No.", "GetRun", action.resources)
    head = Head(begun.id, _FIRST, "vision", ALICE, CLIENT)
    place = {"workspace": "vision", "project": "segmentation"}
    details = {"model": "digits"}
    return [
        intent(head, **place, action=action, decision=decision, details=details),
        outcome(of=begun, at=_FIRST, status=200, bytes_in=1, bytes_out=1, completed=True, details=details),
        refusal(head, **place, method="GET", path="/", refusal=no, decision=decision),
        notice(head, operation="audit.search", details=details),
    ]


def some_leaves(requests: int) -> list[bytes]:
    """Of each request the intent and the outcome, in turn."""
    intents = [an_intent(nth) for nth in range(requests)]
    return [leaf for event in intents for leaf in (event.leaf, an_outcome(event).leaf)]


def write_export(folder: Path, leaves: Sequence[bytes], key: Ed25519PrivateKey = KEY, origin: str = ORIGIN) -> Path:
    """The five files of an export of these leaves."""
    hashes = [hashlib.sha256(b"\0" + leaf).digest() for leaf in leaves]
    head = f"{origin}\n{len(leaves)}\n{base64.b64encode(_root(hashes)).decode()}\n"
    files = {
        "events.jsonl": b"".join(leaf + b"\n" for leaf in leaves),
        "leaves.sha256": "".join(f"{found.hex()}\n" for found in hashes).encode(),
        "checkpoint": f"{head}\n".encode() + _signature(head.encode(), key, origin),
    }
    said = {
        "count": len(leaves),
        "created": "2026-11-21T09:00:00.000000Z",
        "exported_by": "audrey@example.org",
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
        "first": 0,
        "format": "tenantry.dev/audit-export/v1",
        "id": "01931e2a-0000-7000-8000-000000000002",
        "log": origin.rpartition("/")[2],
        "origin": origin,
    }
    files["manifest.json"] = json.dumps(said, sort_keys=True, separators=(",", ":")).encode() + b"\n"
    files["manifest.sig"] = _signature(files["manifest.json"], key, origin)
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def _root(hashes: Sequence[bytes]) -> bytes:
    """RFC 6962, section 2.1, as it stands there."""
    if len(hashes) <= 1:
        return hashes[0] if hashes else hashlib.sha256().digest()
    half = 1
    while half * 2 < len(hashes):
        half *= 2
    return hashlib.sha256(b"\1" + _root(hashes[:half]) + _root(hashes[half:])).digest()


def _signature(text: bytes, key: Ed25519PrivateKey, name: str) -> bytes:
    public = key.public_key().public_bytes_raw()
    identity = hashlib.sha256(name.encode() + b"\n\x01" + public).digest()[:4]
    return f"— {name} {base64.b64encode(identity + key.sign(text)).decode()}\n".encode()
