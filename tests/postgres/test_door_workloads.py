"""Programs in the cluster come in with the token of their ServiceAccount, as far as a grant lets them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.support.door import CatalogRows, door_settings, running_door
from tests.support.upstream import Upstream
from tests.support.wait import until
from tests.support.workload import AUDIENCE, CLUSTER, Signer, claims_of, new_ec_signer, new_rsa_signer

RUN = "/api/2.0/mlflow/runs/get?run_id=" + "a" * 32
CREATE = "/api/2.0/mlflow/runs/create"
# What is promised for a grant or a key that is taken back, in seconds.
PROMISED = 1.0

SIGNER = new_rsa_signer()


@pytest.fixture
def rows(rows: CatalogRows) -> CatalogRows:
    """And the key that the cluster signs with."""
    rows.publish_key(CLUSTER, SIGNER.kid, SIGNER.public)
    return rows


@pytest.fixture
def door(rows: CatalogRows, backend: Upstream, tmp_path: Path) -> Iterator[httpx2.Client]:
    settings = door_settings(rows.catalog, tmp_path, workload_audience=AUDIENCE)
    with running_door(settings) as url, httpx2.Client(base_url=url, timeout=30) as client:
        yield client


def grant(rows: CatalogRows, role: str, account: str = "train/runner", effect: str = "allow") -> None:
    """And wait for nothing: the door hears of it."""
    rows.grant("vision", role, account, effect=effect, kind="serviceAccount")


def get(door: httpx2.Client, token: str) -> httpx2.Response:
    return door.get(f"/w/vision/p/segmentation{RUN}", headers={"Authorization": f"Bearer {token}"})


def create(door: httpx2.Client, token: str) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return door.post(f"/w/vision/p/segmentation{CREATE}", json={"experiment_id": "1"}, headers=headers)


def settled(door: httpx2.Client, token: str, status: int) -> None:
    until(lambda: get(door, token).status_code == status, deadline=PROMISED, what=f"a {status}")


def test_a_program_logs_as_the_contributor_that_a_grant_makes_it(
    door: httpx2.Client, rows: CatalogRows, backend: Upstream
) -> None:
    grant(rows, "contributor")
    token = SIGNER.token()
    settled(door, token, 200)
    assert create(door, token).status_code == 200
    assert backend.received[-1].target == CREATE
    assert not any("authorization" in received.headers for received in backend.received)


def test_the_record_names_the_service_account(door: httpx2.Client, rows: CatalogRows) -> None:
    grant(rows, "contributor")
    token = SIGNER.token()
    settled(door, token, 200)
    create(door, token)
    events = until(
        lambda: [it for it in rows.events("vision") if it["operation"] == "CreateRun"] or None, what="the record"
    )
    assert events[0]["actor"] == {
        "issuer": CLUSTER,
        "kind": "serviceAccount",
        "name": "train/runner",
        "subject": "system:serviceaccount:train:runner",
        "token": claims_of()["jti"],
    }
    assert (
        events[0]["decision"]["rule"] == "allow contributor to serviceAccount train/runner in every project of vision"
    )  # type: ignore[index]


def test_the_token_is_as_good_as_a_password(door: httpx2.Client, rows: CatalogRows) -> None:
    grant(rows, "viewer")
    token = SIGNER.token()
    settled(door, token, 200)
    basic = b64encode(f"runner:{token}".encode()).decode()
    answer = door.get(f"/w/vision/p/segmentation{RUN}", headers={"Authorization": f"Basic {basic}"})
    assert answer.status_code == 200


UNGRANTED: dict[str, list[dict[str, str]]] = {
    "nothing": [],
    "another's of its namespace": [{"role": "contributor", "account": "train/other"}],
    "its namesake's": [{"role": "contributor", "account": "other/runner"}],
    "too little": [{"role": "viewer"}],
    "as much as is denied": [{"role": "contributor", "effect": "deny"}, {"role": "admin"}],
}


@pytest.mark.parametrize("case", UNGRANTED)
def test_what_no_grant_gives_a_program_is_refused(
    door: httpx2.Client, rows: CatalogRows, backend: Upstream, case: str
) -> None:
    for given in UNGRANTED[case]:
        grant(rows, **given)
    answer = create(door, SIGNER.token())
    assert (answer.status_code, answer.json()["error_code"]) == (403, "PERMISSION_DENIED")
    assert backend.received == []
    refusal = until(lambda: rows.events("vision"), what="the record")[0]
    assert (refusal["reason"], refusal["actor"]["name"]) == ("no_grant", "train/runner")  # type: ignore[index]


def test_a_grant_to_a_person_of_the_same_name_is_not_the_programs(door: httpx2.Client, rows: CatalogRows) -> None:
    rows.grant("vision", "admin", "train/runner", kind="user")
    rows.grant("vision", "admin", "train/runner", kind="group")
    assert create(door, SIGNER.token()).status_code == 403


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (SIGNER.token(claims_of(lifetime=-60)), "workload_expired"),
        (SIGNER.token(claims_of(audience="https://elsewhere")), "workload_audience"),
        (new_rsa_signer("rsa-9").token(), "workload_key_unknown"),
        (new_rsa_signer(SIGNER.kid).token(), "workload_signature"),
    ],
)
def test_a_token_that_is_not_believed_is_a_401_on_record(
    door: httpx2.Client, rows: CatalogRows, token: str, reason: str
) -> None:
    grant(rows, "admin")
    answer = get(door, token)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="tenantry"')
    refusal = until(lambda: rows.events("vision"), what="the record")[0]
    assert (refusal["reason"], refusal["actor"]["kind"]) == (reason, "anonymous")  # type: ignore[index]
    assert token not in str(refusal)


def test_a_grant_that_is_taken_back_is_refused_within_a_second(door: httpx2.Client, rows: CatalogRows) -> None:
    grant(rows, "contributor")
    token = SIGNER.token()
    settled(door, token, 200)
    rows.execute('DELETE FROM catalog."grant"')
    settled(door, token, 403)


def test_a_deny_beats_within_a_second(door: httpx2.Client, rows: CatalogRows) -> None:
    grant(rows, "admin")
    token = SIGNER.token()
    settled(door, token, 200)
    grant(rows, "viewer", effect="deny")
    settled(door, token, 403)


def test_the_door_follows_the_clusters_keys(door: httpx2.Client, rows: CatalogRows) -> None:
    """As Kubernetes rotates: the new key is published before it signs, the old one goes when its tokens are over."""
    grant(rows, "viewer")
    newer: Signer = new_ec_signer("ec-2")
    before, after = SIGNER.token(), newer.token()
    settled(door, before, 200)
    assert get(door, after).status_code == 401
    rows.publish_key(CLUSTER, newer.kid, newer.public)
    settled(door, after, 200)
    assert get(door, before).status_code == 200
    rows.execute("DELETE FROM catalog.cluster_key WHERE kid = %s", SIGNER.kid)
    settled(door, before, 401)
    assert get(door, after).status_code == 200


def test_a_program_sees_its_projects_and_makes_no_tokens(door: httpx2.Client, rows: CatalogRows) -> None:
    grant(rows, "viewer")
    token = SIGNER.token()
    settled(door, token, 200)
    headers = {"Authorization": f"Bearer {token}"}
    me = door.get("/api/v1/me", headers=headers).json()
    assert (me["kind"], me["name"]) == ("serviceAccount", "train/runner")
    assert [it["name"] for it in door.get("/api/v1/projects", headers=headers).json()["projects"]] == ["segmentation"]
    for shown in ({"headers": headers}, {"auth": ("runner", token)}):
        made = door.post("/api/v1/tokens", json={"name": "mine"}, **shown)  # type: ignore[arg-type]
        assert (made.status_code, made.json()["reason"]) == (403, "token_of_nobody")
    assert door.get("/api/v1/tokens", headers=headers).json() == {"tokens": []}
