"""What a real API server signs is what the door believes; what it signs for others, it does not."""

from __future__ import annotations

import pytest

from tenantry_api.facts import Principal, PrincipalKind, Refusal
from tenantry_api.identify.workload import Keys, Workloads
from tests.support.apiserver import ApiServer

AUDIENCE = "https://tracking.example.org"


@pytest.fixture(scope="module")
def keys(kubernetes: ApiServer) -> Keys:
    """As the operator copies them to the catalog: the issuer, and its keys by their names."""
    issuer = kubernetes.ask("GET", "/.well-known/openid-configuration").body["issuer"]
    published = kubernetes.ask("GET", "/openid/v1/jwks", accept="application/jwk-set+json").body["keys"]
    return {(issuer, key["kid"]): key for key in published}


@pytest.fixture(scope="module")
def runner(kubernetes: ApiServer) -> str:
    made = kubernetes.ask("POST", "/api/v1/namespaces/vision/serviceaccounts", {"metadata": {"name": "runner"}})
    assert made.status == 201, made.body
    return "runner"


def token(kubernetes: ApiServer, account: str, audiences: list[str]) -> str:
    wanted = {"spec": {"audiences": audiences, "expirationSeconds": 600}}
    answer = kubernetes.ask("POST", f"/api/v1/namespaces/vision/serviceaccounts/{account}/token", wanted)
    assert answer.status == 201, answer.body
    return str(answer.body["status"]["token"])


def test_a_token_for_our_audience_says_who_it_is_of(kubernetes: ApiServer, runner: str, keys: Keys) -> None:
    found = Workloads(lambda: keys, AUDIENCE).identify(token(kubernetes, runner, [AUDIENCE]))
    assert isinstance(found, Principal), found
    assert (found.kind, found.name) == (PrincipalKind.SERVICE_ACCOUNT, "vision/runner")
    assert found.subject == "system:serviceaccount:vision:runner"
    assert found.token_id


def test_a_token_for_the_api_server_is_not_for_us(kubernetes: ApiServer, runner: str, keys: Keys) -> None:
    found = Workloads(lambda: keys, AUDIENCE).identify(token(kubernetes, runner, []))
    assert isinstance(found, Refusal)
    assert found.reason == "workload_audience"


def test_a_token_of_another_cluster_is_nobodys(kubernetes: ApiServer, runner: str, keys: Keys) -> None:
    elsewhere = {("https://elsewhere", kid): key for (_, kid), key in keys.items()}
    found = Workloads(lambda: elsewhere, AUDIENCE).identify(token(kubernetes, runner, [AUDIENCE]))
    assert isinstance(found, Refusal)
    assert found.reason == "workload_issuer_unknown"
