"""The committed table is the installed MLflow's, and the policy knows all of it and no more."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.resources import files

import pytest

from tenantry_api.classify.policy import Allowance, load_policy
from tests.support.requests import table

COMMITTED = files("tenantry_api.classify").joinpath("mlflow_3_17_2.json")


@pytest.fixture(scope="module")
def dumped() -> str:
    """What the installed MLflow has, from a process of its own: importing its server takes seconds and threads."""
    command = [sys.executable, "-W", "ignore", "-m", "tenantry_backend.routes"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "_MLFLOW_"))}
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=300).stdout


def test_the_table_is_the_installed_mlflow_s(dumped: str) -> None:
    fresh, committed = json.loads(dumped), json.loads(COMMITTED.read_text())
    for part in ("documents", "enums", "messages"):
        assert fresh[part] == committed[part]
    assert _rows(fresh) - _rows(committed) == set(), "MLflow has routes that the table does not know"
    assert _rows(committed) - _rows(fresh) == set(), "the table has routes that MLflow does not know"
    assert dumped == COMMITTED.read_text(), "make it again with python -m tenantry_backend.routes"


def test_every_route_has_a_rule_and_every_rule_a_route(dumped: str) -> None:
    assert {row["rpc"] for row in json.loads(dumped)["routes"]} == load_policy().rules.keys()


def test_every_allowed_call_names_parameters_that_it_has(dumped: str) -> None:
    routes = [*table().literal.values(), *(route for routes in table().patterns.values() for route in routes)]
    for route in routes:
        if isinstance(route.rule, Allowance):
            known = {*route.schema.fields, *route.path_schema.fields, *route.header_schema.fields}
            named = {field.partition(".")[0] for name in route.rule.resources for field in name.fields}
            assert named <= known, f"{route.rpc} names {named - known}"


def test_every_parameter_that_mlflow_reads_by_hand_is_in_the_policy(dumped: str) -> None:
    rules = load_policy().rules
    for row in json.loads(dumped)["routes"]:
        rule = rules[row["rpc"]]
        by_hand = {name for name in row.get("reads", ()) if ":" not in name}
        assert not isinstance(rule, Allowance) or by_hand <= rule.parameters.keys(), row["rpc"]


def _rows(data: dict[str, list[dict[str, str]]]) -> set[str]:
    return {json.dumps(row) for row in data["routes"]}
