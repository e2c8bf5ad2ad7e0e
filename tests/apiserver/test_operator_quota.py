"""A workspace's limit on projects, beside the part of Kubernetes that counts: also on the day when the kind is new."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.apiserver import Answer, ApiServer, api_server
from tests.support.cluster_operator import Installed, RunningOperator
from tests.support.controller_manager import counting
from tests.support.kinds import API, install, remove
from tests.support.wait import until


@pytest.fixture(scope="module")
def kubernetes() -> Iterator[ApiServer]:
    """Kubernetes counts already when our kinds come, and hears of them late."""
    with api_server() as server, counting(server):
        install(server)
        yield server
        remove(server)


@pytest.fixture(scope="module")
def operator(installed: Installed) -> Iterator[RunningOperator]:
    with installed.running() as running:
        installed.create_workspace(quota={"projects": 1, "cpu": "4"})
        yield running


def ask_for(installed: Installed, name: str) -> Answer:
    path = f"{API}/namespaces/{installed.namespace}/projects"
    metadata = {"name": name, "namespace": installed.namespace}
    kind = {"apiVersion": "tenantry.dev/v1alpha1", "kind": "Project"}
    return installed.server.ask("POST", path, kind | {"metadata": metadata, "spec": {"owner": "group:a"}})


def counted(installed: Installed) -> Any:
    """What is used of each limit; nothing while there is no quota."""
    found = installed.server.ask("GET", f"/api/v1/namespaces/{installed.namespace}/resourcequotas/tenantry")
    return found.body.get("status", {}).get("used") if found.status == 200 else None


def quota_writes(operator: RunningOperator) -> float:
    return sum(count for which, count in operator.writes.items() if which.endswith("ResourceQuota"))


def test_a_limit_that_nobody_counts_yet_is_said_not_to_be_in_force(
    installed: Installed, operator: RunningOperator
) -> None:
    until(lambda: counted(installed) == {"requests.cpu": "0"}, deadline=30, what="a count without projects")
    found = installed.until_condition(installed.path(), "Ready", status="False", reason="NotCounted")
    assert "Kubernetes does not count count/projects.tenantry.dev" in found["message"]
    assert installed.server.ask("GET", installed.path()).body["status"]["phase"] == "Pending"
    assert "status unknown for quota" in ask_for(installed, "early").message


def test_the_first_project_of_a_new_installation_need_not_wait_for_the_round_of_five_minutes(
    installed: Installed, operator: RunningOperator
) -> None:
    installed.until_condition(installed.path(), "Ready", status="True")
    until(lambda: ask_for(installed, "roads").status == 201, deadline=5, what="the first project to be let in")


def test_one_more_than_agreed_is_refused(installed: Installed, operator: RunningOperator) -> None:
    installed.until_applied("roads")
    assert "exceeded quota: tenantry" in ask_for(installed, "bridges").message


def test_what_is_counted_is_not_touched_again(installed: Installed, operator: RunningOperator) -> None:
    until(lambda: operator.settled, deadline=30, what="the operator to have nothing left to do")
    before = quota_writes(operator)
    installed.merge(installed.path(), {"spec": {"displayName": "Vision"}})
    seen = {"observedGeneration": 2}.items()
    until(lambda: seen <= installed.server.ask("GET", installed.path()).body["status"].items(), what="another look")
    until(lambda: operator.settled, deadline=30, what="the operator to have nothing left to do")
    assert quota_writes(operator) == before
