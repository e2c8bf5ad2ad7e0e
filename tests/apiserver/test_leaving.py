"""What the chart's hook does after an uninstall, and that it does nothing while an operator lives."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.accounts import kubeconfig_of
from tests.support.apiserver import ApiServer
from tests.support.cluster_operator import Installed, RunningOperator
from tests.support.helm import Rendered, render
from tests.support.kinds import install, kinds
from tests.support.rights import granted, refused, used
from tests.support.wait import until

FINALIZER = "tenantry.dev/data"
HOOK = "tenantry-uninstall"
# The object of each kind of the hook that is not its Job.
PLACES = {
    "ServiceAccount": "/api/v1/namespaces/{namespace}/serviceaccounts",
    "Role": "/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/roles",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings",
    "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
}


@pytest.fixture(scope="module")
def hook(installed: Installed) -> Rendered:
    """Its account and rights, as Helm makes them before its Job; it may remove the kinds as well."""
    values = {"installation": installed.installation, "crds": {"keep": False}}
    rendered = render(values, namespace=installed.installation)
    for it in rendered.objects:
        if it["kind"] in PLACES and it["metadata"]["labels"]["app.kubernetes.io/component"] == "uninstall":
            path = PLACES[it["kind"]].format(namespace=installed.installation)
            assert installed.server.ask("POST", path, it).status == 201, it
    return rendered


@pytest.fixture
def operator(installed: Installed) -> Iterator[RunningOperator]:
    """It leads, and a project has its finalizer."""
    with installed.running() as operator:
        until(lambda: operator.leads, deadline=30, what="the operator to lead")
        if not kinds(installed.server)["projects"]:
            install(installed.server)
        if installed.server.ask("GET", installed.path()).status != 200:
            installed.create_workspace(deletionPolicy="Delete")
            installed.create_project("roads", deletionPolicy="Delete")
        until(lambda: finalizers(installed) == [FINALIZER], deadline=60, what="the finalizer")
        yield operator


def finalizers(installed: Installed) -> list[str]:
    return list(installed.server.ask("GET", installed.path("roads")).body["metadata"].get("finalizers", []))


def leave(installed: Installed, hook: Rendered, what: str, home: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """Run the command of the hook's Job as its account."""
    job = hook.one("Job", HOOK)["spec"]["template"]["spec"]["containers"][0]["command"]
    kubeconfig = kubeconfig_of(installed.server, installed.installation, HOOK, home / "hook.kubeconfig")
    command = [sys.executable, *(what if word == "remove" else word for word in job[1:]), *more]
    # Whatever proxy there is for others, the API server is asked directly.
    environment = os.environ | {"KUBECONFIG": str(kubeconfig), "HTTPS_PROXY": "http://127.0.0.1:1"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=90)


@pytest.mark.parametrize("what", ["release", "remove"])
def test_while_an_operator_acts_nothing_is_taken_away(
    installed: Installed, hook: Rendered, operator: RunningOperator, what: str, tmp_path: Path
) -> None:
    done = leave(installed, hook, what, tmp_path, "--patience", "1")
    assert done.returncode == 1
    lease = f"{installed.installation}/tenantry-{installed.installation}"
    assert f"the operator operator-0 holds the Lease {lease}" in done.stderr
    assert "--no-hooks" in done.stderr
    assert finalizers(installed) == [FINALIZER]
    assert all(kinds(installed.server).values())


def test_an_operator_that_is_yet_to_come_counts_as_well(installed: Installed, hook: Rendered, tmp_path: Path) -> None:
    """Its image is being pulled, or a setting is wrong: nobody holds the Lease, and nothing may go."""
    deployments = f"/apis/apps/v1/namespaces/{installed.installation}/deployments"
    assert installed.server.ask("POST", deployments, hook.one("Deployment", "tenantry-operator")).status == 201
    try:
        done = leave(installed, hook, "remove", tmp_path, "--patience", "1")
    finally:
        installed.server.ask("DELETE", f"{deployments}/tenantry-operator")
    assert done.returncode == 1
    assert f"the operator's Deployment {installed.installation}/tenantry-operator is there" in done.stderr
    assert all(kinds(installed.server).values())


@pytest.mark.parametrize("end", ["end", "kill"])
def test_when_it_is_gone_its_finalizers_come_off(
    installed: Installed, hook: Rendered, operator: RunningOperator, end: str, tmp_path: Path
) -> None:
    """Who is killed, or has lost the right to it, leaves a Lease that has to expire."""
    getattr(operator, end)()
    done = leave(installed, hook, "release", tmp_path)
    assert done.returncode == 0, done.stderr
    assert finalizers(installed) == []


def test_the_kinds_go_where_that_was_asked_for(
    installed: Installed, hook: Rendered, operator: RunningOperator, tmp_path: Path
) -> None:
    operator.end()
    done = leave(installed, hook, "remove", tmp_path)
    assert done.returncode == 0, done.stderr
    until(lambda: not any(kinds(installed.server).values()), deadline=30, what="the kinds to be gone")
    install(installed.server)


def test_the_hook_has_the_rights_that_it_uses_and_no_others(
    installed: Installed, hook: Rendered, kubernetes: ApiServer
) -> None:
    if kubernetes.audit is None:
        pytest.skip("the cluster that was given keeps no audit log for us")
    log, account = kubernetes.audit.read_text().splitlines(), f"{installed.installation}:{HOOK}"
    assert refused(log, account) == set()
    assert granted(hook.objects, HOOK) - used(log, account) == set()


@pytest.mark.parametrize("arguments", [[], ["release"], ["remove", "--namespace", "a"], ["vanish"]])
def test_a_command_that_is_not_whole_is_refused(arguments: list[Any]) -> None:
    command = [sys.executable, "-m", "tenantry_operator.runtime.kubernetes.crds", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "usage: " in done.stderr
