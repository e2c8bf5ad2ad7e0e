"""What the real API server says to the chart: it takes every object, lets in every pod, and knows who may do what."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chart.options import OPTIONS
from tests.support.apiserver import Answer, ApiServer, api_server
from tests.support.helm import CHART, MINIMAL, helm, pods, render
from tests.support.wait import until

_OURS = "tenantry-chart"
_ACCOUNTS = f"/api/v1/namespaces/{_OURS}/serviceaccounts"
# Where each kind is created. Those of other projects, which the API server has not, are left out.
_PLACES = {
    "ServiceAccount": "/api/v1/namespaces/{namespace}/serviceaccounts",
    "Service": "/api/v1/namespaces/{namespace}/services",
    "Pod": "/api/v1/namespaces/{namespace}/pods",
    "Deployment": "/apis/apps/v1/namespaces/{namespace}/deployments",
    "StatefulSet": "/apis/apps/v1/namespaces/{namespace}/statefulsets",
    "Job": "/apis/batch/v1/namespaces/{namespace}/jobs",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies",
    "Ingress": "/apis/networking.k8s.io/v1/namespaces/{namespace}/ingresses",
    "PodDisruptionBudget": "/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets",
    "Role": "/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/roles",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings",
    "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
}
_ELSEWHERE = {"HTTPRoute", "ServiceMonitor"}
_OPERATOR, _API = "tenantry-operator", "tenantry-tenant-api"

# Who asks, for what (verb, resource, namespace, name), and whether it is allowed.
_CLUSTER_WIDE = {
    "the operator makes namespaces": (_OPERATOR, ("create", "namespaces", "", ""), True),
    "the operator makes backends": (_OPERATOR, ("patch", "apps/deployments", "ws-vision", "mlflow-a"), True),
    "the operator says what is": (_OPERATOR, ("patch", "tenantry.dev/projects/status", "ws-vision", "a"), True),
    "the operator enters no pod": (_OPERATOR, ("create", "pods/exec", "ws-vision", "a"), False),
    "the operator makes nobody an administrator": (
        _OPERATOR,
        ("bind", "rbac.authorization.k8s.io/clusterroles", "", "cluster-admin"),
        False,
    ),
    "the operator makes no roles": (_OPERATOR, ("create", "rbac.authorization.k8s.io/roles", "ws-vision", ""), False),
    "the operator does not write what people declare": (
        _OPERATOR,
        ("create", "tenantry.dev/projects", "ws-vision", ""),
        False,
    ),
    "the operator takes no other lease": (
        _OPERATOR,
        ("update", "coordination.k8s.io/leases", "kube-system", "kube-scheduler"),
        False,
    ),
    "the operator removes no namespace": (_OPERATOR, ("delete", "namespaces", "", "ws-vision"), False),
    "the operator removes no kind": (
        _OPERATOR,
        ("delete", "apiextensions.k8s.io/customresourcedefinitions", "", "projects.tenantry.dev"),
        False,
    ),
    "the tenant API reads no Secret": (_API, ("get", "secrets", _OURS, "tenantry-postgres"), False),
    "the tenant API reads no Project": (_API, ("list", "tenantry.dev/projects", "", ""), False),
    "the migration makes our kinds": (
        "tenantry-migration",
        ("patch", "apiextensions.k8s.io/customresourcedefinitions", "", "projects.tenantry.dev"),
        True,
    ),
    "the migration touches no other kind": (
        "tenantry-migration",
        ("patch", "apiextensions.k8s.io/customresourcedefinitions", "", "certificates.cert-manager.io"),
        False,
    ),
    "the migration reads no Secret": ("tenantry-migration", ("get", "secrets", _OURS, "tenantry-postgres"), False),
}
# What all that have rights may do.
_KNOWN = ("get", "apiextensions.k8s.io/customresourcedefinitions", "", "projects.tenantry.dev")
_LISTED = {
    "it reads Secrets where it was asked to work": (("list", "secrets", "ws-vision", ""), True),
    "it reads them nowhere else": (("list", "secrets", "kube-system", ""), False),
    "it reads them not in all namespaces at once": (("list", "secrets", "", ""), False),
    "it makes no namespace": (("create", "namespaces", "", ""), False),
    "it changes none": (("patch", "namespaces", "", "ws-vision"), False),
    "it makes backends where it was asked to": (("patch", "apps/deployments", "ws-language", "mlflow-a"), True),
    "it follows workspaces": (("watch", "tenantry.dev/workspaces", "", ""), True),
    "it tells of them": (("create", "events", _OURS, ""), True),
    "it keeps credentials at home": (("create", "secrets", _OURS, ""), True),
}


@pytest.fixture(scope="module")
def kubernetes() -> Iterator[ApiServer]:
    """With a namespace that lets in restricted pods alone, and those of two workspaces. They stay; the accounts go."""
    with api_server() as server:
        for name in (_OURS, "ws-vision", "ws-language"):
            labels = {f"pod-security.kubernetes.io/{it}": "restricted" for it in ("enforce", "warn")}
            server.ask("POST", "/api/v1/namespaces", {"metadata": {"name": name, "labels": labels}})
        server.ask("POST", _ACCOUNTS, {"metadata": {"name": "default"}})
        yield server
        for it in server.ask("GET", _ACCOUNTS).body["items"]:
            server.ask("DELETE", f"{_ACCOUNTS}/{it['metadata']['name']}")


def _create(server: ApiServer, it: dict[str, Any], *, dry: bool = True) -> Answer:
    path = _PLACES[it["kind"]].format(namespace=it["metadata"].get("namespace"))
    return server.ask("POST", f"{path}?fieldValidation=Strict" + ("&dryRun=All" if dry else ""), it)


@pytest.mark.parametrize("option", OPTIONS)
def test_takes_every_object(kubernetes: ApiServer, option: str) -> None:
    rendered = render(OPTIONS[option], namespace=_OURS)
    for account in rendered.all("ServiceAccount"):
        _create(kubernetes, account, dry=False)  # A pod of an account that is not there is refused.
    for it in rendered.objects:
        if it["kind"] not in _ELSEWHERE:
            made = _create(kubernetes, it)
            known = made.status == 409 and it["kind"] == "ServiceAccount"
            assert made.status == 201 or known, (it["kind"], it["metadata"]["name"], made.body)


@pytest.mark.parametrize("option", ["defaults", "kinds that go with it", "OpenShift"])
def test_lets_every_pod_into_a_restricted_namespace(kubernetes: ApiServer, option: str) -> None:
    rendered = render(OPTIONS[option], namespace=_OURS)
    for account in rendered.all("ServiceAccount"):
        _create(kubernetes, account, dry=False)
    for name, pod in pods(rendered):
        metadata = {"name": f"{name}-0", "namespace": _OURS, "labels": pod["metadata"]["labels"]}
        spec = pod["spec"] | {"volumes": [*pod["spec"].get("volumes", []), *_claimed(pod["spec"])]}
        made = _create(kubernetes, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
        assert made.status == 201, (name, made.body)


def _claimed(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """The volumes that a StatefulSet adds to its pods."""
    named = {volume["name"] for volume in spec.get("volumes", [])}
    mounted = {mount["name"] for container in spec["containers"] for mount in container.get("volumeMounts", [])}
    return [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in sorted(mounted - named)]


@pytest.fixture(scope="module")
def two_installations(kubernetes: ApiServer) -> Iterator[None]:
    """The rights of both at once: they do not meet."""
    made = [*_rights("tenantry", "defaults"), *_rights("second", "listed namespaces")]
    for it in made:
        assert _create(kubernetes, it, dry=False).status == 201
    for account in (_OPERATOR, "tenantry-migration", "second-operator"):  # It takes a moment to know them.
        until(lambda account=account: _may(kubernetes, account, *_KNOWN), deadline=30, what=f"the rights of {account}")
    yield
    for it in made:
        path = _PLACES[it["kind"]].format(namespace=it["metadata"].get("namespace"))
        assert kubernetes.ask("DELETE", f"{path}/{it['metadata']['name']}").status == 200


def _rights(release: str, option: str) -> list[dict[str, Any]]:
    rendered = render(OPTIONS[option], release=release, namespace=_OURS)
    return [it for it in rendered.objects if it["kind"].startswith(("Role", "ClusterRole"))]


@pytest.mark.parametrize("case", _CLUSTER_WIDE)
def test_cluster_wide(kubernetes: ApiServer, two_installations: None, case: str) -> None:
    account, wanted, allowed = _CLUSTER_WIDE[case]
    assert _may(kubernetes, account, *wanted) is allowed


@pytest.mark.parametrize("case", _LISTED)
def test_with_listed_namespaces(kubernetes: ApiServer, two_installations: None, case: str) -> None:
    wanted, allowed = _LISTED[case]
    assert _may(kubernetes, "second-operator", *wanted) is allowed


def _may(server: ApiServer, account: str, verb: str, resource: str, namespace: str, name: str) -> bool:  # noqa: PLR0917
    """`resource` is group/resource/subresource; a group has a dot in it, or is `apps`."""
    first, _, rest = resource.partition("/")
    group, rest = (first, rest) if "." in first or first == "apps" else ("", resource)
    plural, _, part = rest.partition("/")
    attributes = {"verb": verb, "group": group, "resource": plural, "subresource": part, "namespace": namespace}
    user = f"system:serviceaccount:{_OURS}:{account}"
    spec = {"user": user, "groups": ["system:serviceaccounts"], "resourceAttributes": attributes | {"name": name}}
    review = server.ask(
        "POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", {"kind": "SubjectAccessReview", "spec": spec}
    )
    assert review.status == 201, review
    return bool(review.body["status"]["allowed"])


def _notes(server: ApiServer, values: str) -> str:
    """What helm says to whoever installs this."""
    options = ("--dry-run=server", "--namespace", _OURS, "--values", str(MINIMAL), "--values", "-")
    done = helm("install", "third", str(CHART), *options, "--kubeconfig", str(server.kubeconfig), values=values)
    assert done.returncode == 0, done.stderr
    return done.stdout.partition("NOTES:")[2]


def test_the_installation_says_what_to_do_next(kubernetes: ApiServer) -> None:
    notes = _notes(kubernetes, "{}")
    assert f"helm -n {_OURS} test third" in notes
    assert "Service\nthird-tenant-api, port 80" in notes


@pytest.mark.parametrize(
    ("named", "missing"),
    [
        ([], ["networkPolicy.database.peers", "networkPolicy.storage.peers"]),
        (["database"], ["networkPolicy.storage.peers"]),
        (["storage"], ["networkPolicy.database.peers"]),
        (["database", "storage"], []),
    ],
)
def test_the_installation_says_which_peers_would_keep_backends_in(
    kubernetes: ApiServer, named: list[str], missing: list[str]
) -> None:
    peers = {part: {"peers": [{"ipBlock": {"cidr": "192.0.2.0/24"}}]} for part in named}
    notes = _notes(kubernetes, json.dumps({"networkPolicy": peers}))
    assert re.findall(r"networkPolicy\.\w+\.peers", notes) == missing
    assert ("may reach every address" in notes) == bool(missing)


def test_the_installation_of_the_page_keeps_backends_in(kubernetes: ApiServer) -> None:
    page = (Path(__file__).parents[2] / "docs" / "install.md").read_text()
    (values,) = re.findall(r"```yaml\n# values\.yaml\n(.*?)```", page, re.DOTALL)
    assert "may reach every address" not in _notes(kubernetes, values)
