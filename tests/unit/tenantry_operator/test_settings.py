"""The settings of a cluster's operator: what is wrong is refused by its name."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from tenantry_operator.settings import ClusterSettings

GOOD = {
    "catalog_url": "postgresql://operator:p@db/tenantry",
    "provision_url": "postgresql://provisioner:p@db/postgres",
    "namespace": "tenantry",
    "pod": "operator-0",
    "installation": "tenantry",
    "backend_image": "tenantry-backend",
    "storage_driver": "aws-iam",
}


def settings(**changes: str) -> ClusterSettings:
    return ClusterSettings.model_validate(GOOD | changes)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("database_ports", "http", "ports with commas between, like 5432,6432"),
        ("storage_ports", "0", "ports with commas between, like 5432,6432"),
        ("dns_ports", "53,65536", "ports with commas between, like 5432,6432"),
        ("dns_peers", "{}", "a JSON list of NetworkPolicy peers"),
        ("storage_secret_key", "half", "storage_access_key and storage_secret_key go together"),
    ],
)
def test_a_wrong_setting_is_refused_by_its_name(name: str, value: str, words: str) -> None:
    with pytest.raises(ValidationError) as refused:
        settings(**{name: value})
    (problem,) = refused.value.errors()
    assert words in problem["msg"]
    assert name in {*problem["loc"], *problem["msg"].split()}


@pytest.mark.parametrize(("value", "ports"), [("", ()), ("9000", (9000,)), ("9000, 9443,", (9000, 9443))])
def test_ports_stand_with_commas_between(value: str, ports: tuple[int, ...]) -> None:
    assert settings(storage_ports=value).storage_ports == ports
