"""Tokens that do not open the door: which one it was is in the answer, and on record with its reason."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from bench.site import Site

from tests.support.site import Caller, error_of, header_of, id_of, on_record, person_at
from tests.support.wait import until

ASK = "experiments/search?max_results=1"
# Status, code, reason, and who is on record: whose token it was, once that is known.
REFUSED = {
    "wrong": (401, "UNAUTHENTICATED", "token_unknown", "anonymous"),
    "cut": (401, "UNAUTHENTICATED", "token_malformed", "anonymous"),
    "none of ours": (401, "UNAUTHENTICATED", "token_malformed", "anonymous"),
    "none": (401, "UNAUTHENTICATED", "credentials_missing", "anonymous"),
    "expired": (401, "UNAUTHENTICATED", "token_expired", "anonymous"),
    "revoked": (401, "UNAUTHENTICATED", "token_revoked", "anonymous"),
    "of another project": (403, "PERMISSION_DENIED", "no_grant", "alice@example.org"),
    "of another action": (403, "PERMISSION_DENIED", "no_grant", "alice@example.org"),
    "of somebody without a grant": (403, "PERMISSION_DENIED", "no_grant", "bob@example.org"),
}


@pytest.fixture(scope="module")
def callers(site: Site) -> dict[str, Caller]:
    """Each at vision/segmentation, with a token of its kind. Those of expiry and revocation did work before."""
    alice = person_at(site.machine.url, "alice")

    def token(**scope: Any) -> dict[str, Any]:
        made: dict[str, Any] = alice.api("POST", "/api/v1/tokens", json={"name": "some", **scope})
        return made

    here = Caller(site.machine.url)
    expired, revoked = token(), token()
    for made in (expired, revoked):
        assert replace(here, token=made["token"]).mlflow("GET", ASK).status == 200
    site.sql("UPDATE identity.token SET expires_at = now() - interval '1 s' WHERE id = %s", expired["id"])
    site.sql("UPDATE identity.token SET revoked_at = now() WHERE id = %s", revoked["id"])
    good = str(token()["token"])
    tokens = {
        "wrong": forgotten(site, token()),
        "cut": good[:-1],
        "none of ours": "dapi0123456789abcdef",
        "none": "",
        "expired": expired["token"],
        "revoked": revoked["token"],
        "of another project": token(workspace="vision", project="detection")["token"],
        "of another action": token(permissions=["artifact:download"])["token"],
        "of somebody without a grant": site.token("bob"),
    }
    return {name: replace(here, token=str(value)) for name, value in tokens.items()}


def forgotten(site: Site, made: dict[str, Any]) -> str:
    """A token that reads well and that nobody knows (any more)."""
    site.sql("DELETE FROM identity.token WHERE id = %s", made["id"])
    return str(made["token"])


@pytest.mark.parametrize("name", REFUSED)
def test_a_token_that_does_not_open_is_refused_and_recorded(site: Site, callers: dict[str, Caller], name: str) -> None:
    status, code, reason, actor = REFUSED[name]
    until(lambda: callers[name].mlflow("GET", ASK).status != 200, deadline=1, what="the token to be refused")
    answer = callers[name].mlflow("GET", ASK)
    assert error_of(answer) == (status, code)
    assert header_of(answer, "WWW-Authenticate") == ('Bearer realm="tenantry"' if status == 401 else None)
    assert not callers[name].token or callers[name].token.encode() not in answer.body
    (record,) = on_record(site, [answer])[id_of(answer)]
    assert (record["stage"], record["status"], record["reason"]) == ("refusal", status, reason)
    assert (record["actor"]["name"], record["operation"], record["log"]) == (actor, "SearchExperiments", "vision")


def test_a_token_bound_to_a_project_opens_that_one(callers: dict[str, Caller]) -> None:
    there = replace(callers["of another project"], project="/w/vision/p/detection")
    assert there.mlflow("GET", ASK).status == 200
