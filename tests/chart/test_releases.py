"""Releases as helm makes them, in the real API server. No node runs: a Job has succeeded when the test says so."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from tests.chart.options import OPTIONS
from tests.support.apiserver import ApiServer, api_server
from tests.support.helm import CHART, MINIMAL, helm
from tests.support.wait import until

_NAMESPACE = "tenantry-releases"
_NAMESPACED = ("api/v1", "apis/apps/v1", "apis/batch/v1", "apis/networking.k8s.io/v1", "apis/policy/v1")
_CLUSTER_WIDE = "/apis/rbac.authorization.k8s.io/v1"
# Those that change workloads or rights, in an order in which each also takes back what the one before it did.
_CHANGES = (
    *("a place to run", "digests", "OpenShift", "a mirror", "listed namespaces", "a secret client"),
    *("no budget", "no policies", "a long name", "defaults"),
)
_JOBS = f"/apis/batch/v1/namespaces/{_NAMESPACE}/jobs"


@pytest.fixture(scope="module")
def kubernetes() -> Iterator[ApiServer]:
    with api_server() as server:
        server.ask("POST", "/api/v1/namespaces", {"metadata": {"name": _NAMESPACE}})
        yield server


def _helm(server: ApiServer, *arguments: str, values: dict[str, Any] | None = None) -> str:
    """It has to succeed."""
    done = _run(server, *arguments, values=values)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _run(server: ApiServer, *arguments: str, values: dict[str, Any] | None = None) -> subprocess.CompletedProcess[str]:
    chart = (str(CHART), "--values", str(MINIMAL), "--values", "-") if arguments[0] != "uninstall" else ()
    place = ("--namespace", _NAMESPACE, "--kubeconfig", str(server.kubeconfig))
    return helm(*arguments, *chart, *place, values=json.dumps(values or {}))


def _there(server: ApiServer, release: str) -> set[tuple[str, str]]:
    """Everything that is labelled as this release's, wherever it lies."""
    selector = f"?labelSelector=app.kubernetes.io/instance={_NAMESPACE}.{release}"
    found = set()
    for group in (*(f"/{it}" for it in _NAMESPACED), _CLUSTER_WIDE):
        for kind in server.ask("GET", group).body["resources"]:
            if "list" in kind["verbs"] and kind["name"] not in {"componentstatuses", "events"}:
                items = server.ask("GET", f"{group}/{kind['name']}{selector}").body["items"]
                found |= {(kind["kind"], it["metadata"]["name"]) for it in items}
    return found


def test_two_releases_live_side_by_side_and_leave_nothing(kubernetes: ApiServer) -> None:
    _helm(kubernetes, "install", "blue", "--no-hooks")
    _helm(kubernetes, "install", "green", "--no-hooks", values=OPTIONS["kinds of somebody else"])
    blue, green = _there(kubernetes, "blue"), _there(kubernetes, "green")
    assert {("Deployment", "blue-operator"), ("StatefulSet", "blue-tenant-api")} <= blue
    assert len(blue) == len(green) > 15
    _helm(kubernetes, "uninstall", "blue", "--no-hooks")
    until(lambda: not _there(kubernetes, "blue"), deadline=30, what="everything of the first to be gone")
    assert _there(kubernetes, "green") == green
    _helm(kubernetes, "uninstall", "green", "--no-hooks")


def test_an_installation_can_become_any_other(kubernetes: ApiServer) -> None:
    """From one to the next: no field that cannot change differs."""
    for name in ("ws-vision", "ws-language"):
        kubernetes.ask("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    _helm(kubernetes, "install", "red", "--no-hooks")
    for option in _CHANGES:
        _helm(kubernetes, "upgrade", "red", "--no-hooks", values=OPTIONS[option])
    _helm(kubernetes, "uninstall", "red", "--no-hooks")


def test_the_migration_comes_before_everything_and_is_gone_after_it(kubernetes: ApiServer) -> None:
    with ThreadPoolExecutor(1) as pool:
        installing = pool.submit(_run, kubernetes, "install", "first")
        _wait_for_job(kubernetes, installing, "first-migration")
        assert _there(kubernetes, "first") == {
            ("ServiceAccount", "first-migration"),
            ("NetworkPolicy", "first-migration"),
            ("ClusterRole", f"tenantry:{_NAMESPACE}:first:migration"),
            ("ClusterRoleBinding", f"tenantry:{_NAMESPACE}:first:migration"),
            ("Job", "first-migration"),
        }
        _succeed(kubernetes, "first-migration")
        assert installing.result().returncode == 0, installing.result().stderr
    assert not [name for _, name in _there(kubernetes, "first") if "migration" in name]
    assert ("Deployment", "first-operator") in _there(kubernetes, "first")


def test_a_migration_that_fails_changes_nothing_else(kubernetes: ApiServer) -> None:
    with ThreadPoolExecutor(1) as pool:
        installing = pool.submit(_run, kubernetes, "install", "second")
        _wait_for_job(kubernetes, installing, "second-migration")
        _end(kubernetes, "second-migration", "Failed", "FailureTarget")
        assert "job second-migration failed" in installing.result().stderr
    assert ("Job", "second-migration") in _there(kubernetes, "second"), "its log says why"
    assert not [kind for kind, _ in _there(kubernetes, "second") if kind in {"Deployment", "StatefulSet"}]


def test_uninstalled_it_takes_its_finalizers_off_when_the_operator_is_gone(kubernetes: ApiServer) -> None:
    _helm(kubernetes, "install", "third", "--no-hooks")
    with ThreadPoolExecutor(1) as pool:
        leaving = pool.submit(_run, kubernetes, "uninstall", "third")
        _wait_for_job(kubernetes, leaving, "third-uninstall")
        assert ("Deployment", "third-operator") not in _there(kubernetes, "third")
        _succeed(kubernetes, "third-uninstall")
        assert leaving.result().returncode == 0, leaving.result().stderr
    until(lambda: not _there(kubernetes, "third"), deadline=30, what="everything to be gone")


def _wait_for_job(server: ApiServer, running: Future[subprocess.CompletedProcess[str]], name: str) -> None:
    until(
        lambda: running.done() or server.ask("GET", f"{_JOBS}/{name}").status == 200,
        deadline=30,
        what=f"the Job {name}",
    )
    assert not running.done(), running.result().stderr


def _succeed(server: ApiServer, name: str) -> None:
    _end(server, name, "Complete", "SuccessCriteriaMet")


def _end(server: ApiServer, name: str, *conditions: str) -> None:
    """As the Job controller says it."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    status: dict[str, Any] = {"startTime": now, "conditions": [{"type": it, "status": "True"} for it in conditions]}
    if "Complete" in conditions:
        status |= {"succeeded": 1, "completionTime": now}
    said = server.ask(
        "PATCH", f"{_JOBS}/{name}/status", {"status": status}, content_type="application/merge-patch+json"
    )
    assert said.status == 200, said
