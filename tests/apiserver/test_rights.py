"""The operator as the ServiceAccount that the chart gives it: its rights are enough, and each of them is used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.apiserver import ApiServer
from tests.support.cluster_operator import Installed
from tests.support.helm import Rendered, render
from tests.support.postgres import PostgresServer, catalog_on
from tests.support.requirement import missing
from tests.support.rights import ON_A_NODE, granted, refused, used
from tests.support.s3 import VersityServer
from tests.support.wait import until

_RBAC = "/apis/rbac.authorization.k8s.io/v1"
_PLACES = {
    "ServiceAccount": "/api/v1/namespaces/{namespace}/serviceaccounts",
    "Role": _RBAC + "/namespaces/{namespace}/roles",
    "RoleBinding": _RBAC + "/namespaces/{namespace}/rolebindings",
    "ClusterRole": _RBAC + "/clusterroles",
    "ClusterRoleBinding": _RBAC + "/clusterrolebindings",
}
_ACCOUNT = "tenantry-operator"


@dataclass(frozen=True)
class Story:
    """What was granted to the operator, and what it asked for, by namespace and name."""

    rendered: Rendered
    account: str


@pytest.fixture(params=["cluster-wide", "listed"], scope="module")
def story(
    request: pytest.FixtureRequest,
    kubernetes: ApiServer,
    postgres_server: PostgresServer,
    versity: VersityServer,
    *,
    mlflow_schema: None,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Story]:
    if kubernetes.audit is None:
        missing("apiserver", "the cluster that was given keeps no audit log for us: unset TENANTRY_TEST_KUBECONFIG")
    home = tmp_path_factory.mktemp("operator")
    with catalog_on(postgres_server) as catalog:
        installed = Installed(kubernetes, postgres_server, catalog, versity, home)
        rendered = _rights(installed, listed=request.param == "listed")
        _tell(_as_its_account(installed, home), rendered)
        yield Story(rendered, f"{installed.installation}:{_ACCOUNT}")


def _rights(installed: Installed, *, listed: bool) -> Rendered:
    """Accounts and roles of the chart, and the namespaces that an administrator makes."""
    ask, watched = installed.server.ask, [installed.namespace] if listed else []
    labels = {"tenantry.dev/installation": installed.installation}
    for name in (installed.installation, *watched):
        ask("POST", "/api/v1/namespaces", {"metadata": {"name": name, "labels": labels}})
    values: dict[str, Any] = {"installation": installed.installation, "operator": {"watchNamespaces": watched}}
    rendered = render(values, namespace=installed.installation)
    for it in rendered.objects:
        if it["kind"] in _PLACES:
            made = ask("POST", _PLACES[it["kind"]].format(namespace=it["metadata"].get("namespace")), it)
            assert made.status == 201, made
    return rendered


def _as_its_account(installed: Installed, home: Path) -> Installed:
    """The same, with an operator that has the token of its pod; the tests still ask as the administrator."""
    path = f"/api/v1/namespaces/{installed.installation}/serviceaccounts/{_ACCOUNT}/token"
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    token = installed.server.ask("POST", path, asked).body["status"]["token"]
    written = yaml.safe_load(installed.server.kubeconfig.read_text())
    written["users"][0]["user"] = {"token": token}
    server = ApiServer(installed.server.kubeconfig)
    server.kubeconfig = home / "operator.kubeconfig"
    server.kubeconfig.write_text(yaml.safe_dump(written))
    return replace(installed, server=server)


def _tell(installed: Installed, rendered: Rendered) -> None:
    """A workspace and a project with all that they can have, which come, change and go."""
    there = installed.server.ask
    with installed.running(**_settings(rendered)) as operator:
        access = [{"role": "admin", "groups": ["leads"]}]
        installed.create_workspace(quota={"projects": 5}, access=access, deletionPolicy="Delete")
        installed.create_project("roads", deletionPolicy="Delete")
        installed.create_project("given", artifacts={"bucket": "ours", "secretName": "theirs"})
        installed.until_applied("roads")
        installed.until_condition(installed.path("given"), "StorageReady", status="False")
        installed.want("roads")  # In vain, and the operator looks why.
        _fence(installed, "roads")
        # A workspace that is to be deleted would wait for the project whose Secret nobody makes.
        installed.merge(installed.path(), {"spec": {"quota": None, "access": [], "deletionPolicy": "Retain"}})
        quota = f"/api/v1/namespaces/{installed.namespace}/resourcequotas/tenantry"
        until(lambda: there("GET", quota).status == 404, deadline=30, what="the quota to be gone")
        for path in (*map(installed.path, ("roads", "given")), installed.path()):
            there("DELETE", path)
            until(lambda path=path: there("GET", path).status == 404, deadline=60, what=f"the end of {path}")
        limits = f"/api/v1/namespaces/{installed.namespace}/limitranges/tenantry"
        until(lambda: there("GET", limits).status == 404, deadline=60, what="what confined the workspace to be gone")
        until(lambda: operator.settled, deadline=30, what="the operator to have nothing left to do")


def _fence(installed: Installed, project: str) -> None:
    installed.merge(installed.path(project), {"metadata": {"annotations": {"tenantry.dev/fence": "true"}}})
    path = f"/apis/apps/v1/namespaces/{installed.namespace}/deployments/mlflow-{project}"
    until(lambda: installed.server.ask("GET", path).body["spec"]["replicas"] == 0, deadline=30, what="no replica")


def _settings(rendered: Rendered) -> dict[str, str]:
    """What the chart tells the operator, and no test does otherwise."""
    (operator,) = rendered.all("Deployment")
    told = {it["name"]: it.get("value", "") for it in operator["spec"]["template"]["spec"]["containers"][0]["env"]}
    return {name: told[f"TENANTRY_{name}".upper()] for name in ("workspace_admin_role", "watch_namespaces")}


def _log(server: ApiServer) -> list[str]:
    assert server.audit is not None
    return server.audit.read_text().splitlines()


def test_nothing_is_refused(story: Story, kubernetes: ApiServer) -> None:
    assert refused(_log(kubernetes), story.account) == set()


def test_every_right_is_used(story: Story, kubernetes: ApiServer) -> None:
    unused = granted(story.rendered.objects, _ACCOUNT) - used(_log(kubernetes), story.account)
    assert unused == ON_A_NODE
