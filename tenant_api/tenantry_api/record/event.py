"""What is recorded: one event is one line of canonical JSON, its leaf. Pure: the caller brings the id and the clock.

A request has an intent and an outcome with the same id, or a refusal alone; everything else worth keeping (sign-in, a
token made, an export) is a notice. An intent without an outcome means "may have happened", never "did not".

The leaf is the truth: the write-ahead log holds it, the Merkle tree hashes it, an export carries it byte for byte.
`docs/events.md` lists every field.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeAlias
from uuid import UUID

import orjson

from tenantry_api.facts import Action, Decision, Principal, Refusal, Resource
from tenantry_api.record.canonical import Json, canonical, digested, instant, plain, shortened

__all__ = [
    "LEAF_LIMIT",
    "SCHEMA",
    "Client",
    "Details",
    "Event",
    "Head",
    "Stage",
    "intent",
    "notice",
    "outcome",
    "parse",
    "refusal",
]

# Raised when a field changes its meaning or goes away; a new field alone does not raise it.
SCHEMA = 1

# A leaf is shorter than this many bytes: entry bundles (C2SP tlog-tiles) give each leaf a 16-bit length.
LEAF_LIMIT = 65_536

# Search and `parse` need these; they are short by construction.
_NEVER_DIGESTED = {"actor", "id", "log", "operation", "project", "schema", "stage", "time"}

Details: TypeAlias = Mapping[str, Json]


class Stage(StrEnum):
    INTENT = "intent"
    NOTICE = "notice"
    OUTCOME = "outcome"
    REFUSAL = "refusal"


@dataclass(frozen=True, slots=True)
class Client:
    """Where a request came from. Both are what the client, or a proxy before us, says: evidence, not identity."""

    address: str
    agent: str = ""


@dataclass(frozen=True, slots=True)
class Head:
    """What every event begins with but an outcome, whose intent has it: who asked for something, when, from where."""

    id: UUID
    at: datetime
    log: str
    actor: Principal
    client: Client


@dataclass(frozen=True, slots=True)
class Event:
    """`leaf` is what is kept; the other fields are copies of what is inside it, for search and for the outcome."""

    id: UUID
    log: str
    stage: Stage
    time: datetime
    actor: str
    project: str | None
    operation: str
    leaf: bytes


def intent(
    head: Head,
    *,
    workspace: str,
    project: str | None,
    action: Action,
    decision: Decision,
    details: Details | None = None,
) -> Event:
    """An allowed request, before it is done. `details` is for what the action does not say (a promotion's before)."""
    fields = _headed(Stage.INTENT, head) | {
        "body": _body(action),
        "decision": _decision(decision),
        "details": plain(details),
        "kind": action.kind,
        "method": action.method,
        "operation": action.operation,
        "path": shortened(action.path),
        "permission": action.permission,
        "project": project,
        "query": shortened(action.query),
        "resources": _resources(action.resources),
        "workspace": workspace,
    }
    return _event(fields, head.id, head.at, head.actor.name)


def outcome(
    *,
    of: Event,
    at: datetime,
    status: int,
    bytes_in: int,
    bytes_out: int,
    completed: bool,
    details: Details | None = None,
) -> Event:
    """How `of` ended. `status` is what the client got; not `completed`: the answer was cut before its end."""
    fields = _common(Stage.OUTCOME, of.id, at, of.log) | {
        "actor": {"name": shortened(of.actor)},
        "bytes_in": bytes_in,
        "bytes_out": bytes_out,
        "completed": completed,
        "details": plain(details),
        "microseconds": (at - of.time) // timedelta(microseconds=1),
        "operation": of.operation,
        "project": of.project,
        "status": status,
    }
    return _event(fields, of.id, at, of.actor)


def refusal(
    head: Head,
    *,
    workspace: str | None,
    project: str | None,
    method: str,
    path: str,
    refusal: Refusal,
    decision: Decision | None = None,
) -> Event:
    """A request that was refused, by whichever step; nothing was forwarded. `path` is as the client sent it."""
    fields = _headed(Stage.REFUSAL, head) | {
        "code": refusal.code,
        "decision": _decision(decision) if decision else None,
        "message": shortened(refusal.message),
        "method": shortened(method),
        "operation": refusal.operation,
        "path": shortened(path),
        "project": project,
        "reason": refusal.reason,
        "resources": _resources(refusal.resources),
        "status": refusal.status,
        "workspace": workspace,
    }
    return _event(fields, head.id, head.at, head.actor.name)


def notice(
    head: Head,
    *,
    operation: str,
    details: Details,
) -> Event:
    """Something that happened outside a project: `identity.sign_in`, `identity.token_created`, `audit.export`."""
    fields = _headed(Stage.NOTICE, head) | {
        "details": plain(details),
        "operation": operation,
    }
    return _event(fields, head.id, head.at, head.actor.name)


def parse(leaf: bytes) -> Event:
    """The event of a leaf that this module made. Raises ValueError or KeyError on any other bytes."""
    fields = orjson.loads(leaf)
    return Event(
        id=UUID(fields["id"]),
        log=fields["log"],
        stage=Stage(fields["stage"]),
        time=datetime.fromisoformat(fields["time"]),
        actor=fields["actor"]["name"],
        project=fields.get("project"),
        operation=fields["operation"],
        leaf=leaf,
    )


def _common(stage: Stage, event: UUID, at: datetime, log: str) -> dict[str, Json]:
    return {"id": str(event), "log": log, "schema": SCHEMA, "stage": stage, "time": instant(at)}


def _headed(stage: Stage, head: Head) -> dict[str, Json]:
    return _common(stage, head.id, head.at, head.log) | {"actor": _actor(head.actor), "client": _client(head.client)}


def _event(fields: dict[str, Json], event: UUID, at: datetime, actor: str) -> Event:
    """Fields that are empty are left out: absence is their value."""
    told = {name: value for name, value in fields.items() if value or value == 0}
    leaf = canonical(told)
    if len(leaf) >= LEAF_LIMIT:
        leaf = canonical({name: value if name in _NEVER_DIGESTED else digested(value) for name, value in told.items()})
    return Event(
        id=event,
        log=str(fields["log"]),
        stage=Stage(str(fields["stage"])),
        time=at,
        actor=actor,
        project=str(fields["project"]) if fields.get("project") else None,
        operation=str(fields["operation"]),
        leaf=leaf,
    )


def _actor(actor: Principal) -> Json:
    told = {
        "issuer": shortened(actor.issuer),
        "kind": actor.kind.value,
        "session": actor.session_id,
        "subject": shortened(actor.subject),
        "token": actor.token_id,
    }
    return {"name": shortened(actor.name)} | {name: value for name, value in told.items() if value}


def _client(client: Client) -> Json:
    agent = {"agent": shortened(client.agent)} if client.agent else {}
    return {"address": client.address} | agent


def _decision(decision: Decision) -> Json:
    told: dict[str, Json] = {"allowed": decision.allowed, "revision": decision.revision, "rule": decision.rule}
    return told | ({"decided_at": instant(decision.decided_at)} if decision.decided_at else {})


def _body(action: Action) -> Json:
    """What was sent, without keeping it: enough to show later that a given body is the one."""
    if action.body is None:
        return None
    return {"bytes": len(action.body), "sha256": hashlib.sha256(action.body).hexdigest()}


def _resources(resources: Sequence[Resource]) -> Json:
    return [{"id": shortened(resource.id), "kind": resource.kind} for resource in resources]
