"""What the chart's values say of backends reaches the objects that the operator makes for them."""

from __future__ import annotations

from typing import Any

import pytest

from tenantry_operator.facts import ProjectKey
from tenantry_operator.plan.objects.network import network_policy
from tenantry_operator.settings import ClusterSettings
from tenantry_operator.site import site_of
from tests.support.helm import Rendered, render

_KEY = ProjectKey("vision", "roads")
_PEER = {"ipBlock": {"cidr": "192.0.2.0/24"}}
_NODE = {"ipBlock": {"cidr": "169.254.20.10/32"}}
_DNS = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "openshift-dns"}}}
# What the test says in place of the Secrets.
_SECRETS = {
    "TENANTRY_CATALOG_URL": "postgresql://operator:p@postgres.example.org/tenantry",
    "TENANTRY_PROVISION_URL": "postgresql://provisioner:p@postgres.example.org:6000/postgres",
    "TENANTRY_STORAGE_ACCESS_KEY": "AKIA0123",
    "TENANTRY_STORAGE_SECRET_KEY": "secret",
}

Ways = list[tuple[list[dict[str, Any]] | None, list[str]]]

# Values, and where a backend may go: peers (none: everywhere), and ports.
CASES: dict[str, tuple[dict[str, Any], Ways]] = {
    "nothing is said": ({}, [(None, ["53/UDP", "53/TCP"]), (None, ["5432/TCP"]), (None, ["443/TCP"])]),
    "a database on another port": (
        {"networkPolicy": {"database": {"peers": [_PEER], "ports": [5432, 6432]}}},
        [(None, ["53/UDP", "53/TCP"]), ([_PEER], ["5432/TCP", "6432/TCP"]), (None, ["443/TCP"])],
    ),
    "an address of S3": (
        {"storage": {"endpoint": "http://s3.s3.svc", "iamEndpoint": "http://s3.s3.svc:81"}},
        [(None, ["53/UDP", "53/TCP"]), (None, ["5432/TCP"]), (None, ["80/TCP"])],
    ),
    "S3 whose pods listen on another port than their Service": (
        {
            "storage": {"endpoint": "http://s3.s3.svc"},
            "networkPolicy": {"storage": {"peers": [_PEER], "ports": [9000]}},
        },
        [(None, ["53/UDP", "53/TCP"]), (None, ["5432/TCP"]), ([_PEER], ["9000/TCP"])],
    ),
    "names from OpenShift": (
        {"networkPolicy": {"dns": {"peers": [_DNS], "ports": [5353]}}},
        [([_DNS], ["5353/UDP", "5353/TCP"]), (None, ["5432/TCP"]), (None, ["443/TCP"])],
    ),
    "names from the node": (
        {"networkPolicy": {"dns": {"peers": [_NODE]}}},
        [([_NODE], ["53/UDP", "53/TCP"]), (None, ["5432/TCP"]), (None, ["443/TCP"])],
    ),
}


def _settings(rendered: Rendered, monkeypatch: pytest.MonkeyPatch) -> ClusterSettings:
    """As the operator's container finds them."""
    (container,) = rendered.one("Deployment", "tenantry-operator")["spec"]["template"]["spec"]["containers"]
    for it in container["env"]:
        monkeypatch.setenv(it["name"], it.get("value", _SECRETS.get(it["name"], "of the pod")))
    return ClusterSettings()


@pytest.mark.parametrize("case", CASES)
def test_a_backend_may_go_where_the_values_say(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    values, expected = CASES[case]
    policy = network_policy(_KEY, site_of(_settings(render(values), monkeypatch)))
    assert [(it.get("to"), _ports(it)) for it in policy["spec"]["egress"]] == expected


@pytest.mark.parametrize("case", CASES)
def test_a_backend_may_go_for_names_and_its_database_where_the_operator_may(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who follows the operator's own way finds that of backends."""
    rendered = render(CASES[case][0])
    own = rendered.one("NetworkPolicy", "tenantry-operator")["spec"]["egress"]
    policy = network_policy(_KEY, site_of(_settings(rendered, monkeypatch)))
    names, database, *_ = [(it.get("to"), _ports(it)) for it in policy["spec"]["egress"]]
    assert [(own[0].get("to"), _ports(own[0])), (own[2].get("to"), _ports(own[2]))] == [names, database]


def _ports(rule: dict[str, Any]) -> list[str]:
    return [f"{port['port']}/{port['protocol']}" for port in rule["ports"]]
