"""What a leaf says, and that it is always short."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from tenantry_api.facts import (
    INSTALLATION_LOG,
    Action,
    Decision,
    Kind,
    Permission,
    Principal,
    PrincipalKind,
    Refusal,
    Resource,
)
from tenantry_api.record.canonical import canonical
from tenantry_api.record.event import LEAF_LIMIT, Client, Head, intent, notice, outcome, parse, refusal
from tests.support.record import ALICE, CLIENT, an_intent

ID = UUID("01931e2a-0000-7000-8000-000000000001")
AT = datetime(2026, 11, 21, 9, 0, 0, 1, tzinfo=UTC)
ACTION = Action(
    kind=Kind.MUTATION,
    permission=Permission.TRACKING_WRITE,
    operation="CreateRun",
    method="POST",
    path="/api/2.0/mlflow/runs/create",
    body=b'{"experiment_id":"1"}',
    resources=(Resource("experiment", "1"),),
)


def _intent(action: Action = ACTION, actor: Principal = ALICE, **details: str) -> dict[str, object]:
    event = intent(
        Head(ID, AT, "vision", actor, CLIENT),
        workspace="vision",
        project="segmentation",
        action=action,
        decision=Decision(allowed=True, rule="a rule", revision=3, decided_at=AT),
        details=details,
    )
    assert parse(event.leaf) == event
    assert len(event.leaf) < LEAF_LIMIT
    said: dict[str, object] = json.loads(event.leaf)
    return said


def test_an_intent_says_who_may_do_what_to_what_and_why() -> None:
    assert _intent() == {
        "actor": {
            "issuer": "https://issuer.example.org",
            "kind": "person",
            "name": "alice@example.org",
            "subject": "u-1",
        },
        "body": {"bytes": 21, "sha256": hashlib.sha256(b'{"experiment_id":"1"}').hexdigest()},
        "client": {"address": "192.0.2.7", "agent": "mlflow-python-client/3.17.2"},
        "decision": {"allowed": True, "decided_at": "2026-11-21T09:00:00.000001Z", "revision": 3, "rule": "a rule"},
        "id": str(ID),
        "kind": "mutation",
        "log": "vision",
        "method": "POST",
        "operation": "CreateRun",
        "path": "/api/2.0/mlflow/runs/create",
        "permission": "tracking:write",
        "project": "segmentation",
        "resources": [{"id": "1", "kind": "experiment"}],
        "schema": 1,
        "stage": "intent",
        "time": "2026-11-21T09:00:00.000001Z",
        "workspace": "vision",
    }


def test_an_outcome_says_how_its_intent_ended() -> None:
    begun = an_intent()
    at = begun.time + timedelta(seconds=2, microseconds=5)
    ended = outcome(of=begun, at=at, status=201, bytes_in=0, bytes_out=17, completed=False, details={"version": "7"})

    assert parse(ended.leaf) == ended
    assert json.loads(ended.leaf) == {
        "actor": {"name": "alice@example.org"},
        "bytes_in": 0,
        "bytes_out": 17,
        "completed": False,
        "details": {"version": "7"},
        "id": str(begun.id),
        "log": "vision",
        "microseconds": 2_000_005,
        "operation": "GetRun",
        "project": "segmentation",
        "schema": 1,
        "stage": "outcome",
        "status": 201,
        "time": "2026-11-21T09:00:02.000005Z",
    }


def test_a_refusal_says_what_was_asked_for_and_why_not() -> None:
    refused = refusal(
        Head(ID, AT, INSTALLATION_LOG, Principal(PrincipalKind.ANONYMOUS, "anonymous"), Client("192.0.2.7")),
        workspace="vision",
        project=None,
        method="GET",
        path="/w/vision/p/x/%00",
        refusal=Refusal(404, "ENDPOINT_NOT_FOUND", "encoded_nul", "No such route."),
    )

    assert parse(refused.leaf) == refused
    assert json.loads(refused.leaf) == {
        "actor": {"kind": "anonymous", "name": "anonymous"},
        "client": {"address": "192.0.2.7"},
        "code": "ENDPOINT_NOT_FOUND",
        "id": str(ID),
        "log": "_installation",
        "message": "No such route.",
        "method": "GET",
        "operation": "unknown",
        "path": "/w/vision/p/x/%00",
        "reason": "encoded_nul",
        "schema": 1,
        "stage": "refusal",
        "status": 404,
        "time": "2026-11-21T09:00:00.000001Z",
        "workspace": "vision",
    }


def test_a_notice_says_what_happened_outside_of_a_project() -> None:
    signed_in = notice(Head(ID, AT, INSTALLATION_LOG, ALICE, CLIENT), operation="identity.sign_in", details={})

    assert parse(signed_in.leaf) == signed_in
    assert set(json.loads(signed_in.leaf)) == {
        "actor",
        "client",
        "id",
        "log",
        "operation",
        "schema",
        "stage",
        "time",
    }


def test_many_resources_give_way_to_their_digest() -> None:
    resources = tuple(Resource("run", f"{nth:032x}") for nth in range(2_000))
    listed = [{"id": resource.id, "kind": "run"} for resource in resources]

    said = _intent(replace(ACTION, resources=resources))

    assert said["resources"] == {"count": 2_000, "sha256": hashlib.sha256(canonical(listed)).hexdigest()}
    assert said["path"] == ACTION.path


def test_resources_that_fit_are_all_there() -> None:
    resources = tuple(Resource("run", f"{nth:032x}") for nth in range(900))

    listed = _intent(replace(ACTION, resources=resources))["resources"]
    assert isinstance(listed, list)
    assert len(listed) == 900


def test_the_longest_of_everything_still_fits() -> None:
    huge = "\x01" * 100_000
    action = replace(ACTION, path=huge, query=huge, resources=tuple(Resource("run", huge) for _ in range(50)))

    said = _intent(action, Principal(PrincipalKind.PERSON, huge[:1_000], huge, huge), one=huge, two=huge)

    assert (said["stage"], said["operation"]) == ("intent", "CreateRun")


def test_a_long_text_is_kept_in_part_and_its_digest_stands_for_the_rest() -> None:
    said = _intent(replace(ACTION, path="/" + "a" * 5_000))["path"]

    assert isinstance(said, str)
    assert said.endswith("… sha256:" + hashlib.sha256(b"/" + b"a" * 5_000).hexdigest())


def test_what_is_not_unicode_is_recorded_all_the_same() -> None:
    assert _intent(replace(ACTION, path="/\udcff"))["path"] == "/\\udcff"
