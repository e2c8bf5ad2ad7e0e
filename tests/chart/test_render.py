"""What the chart makes of its values. The golden file is the whole of it, for a person to read."""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.chart.options import OPTIONS
from tests.support.helm import CHART, KUBERNETES, MINIMAL, Rendered, helm, render, render_anew

_GOLDEN = Path(__file__).parents[1] / "golden" / "chart" / "default.yaml"
_ROOT_PEM = {"key": "root.pem", "path": "ca.crt"}
_FLEETING = {
    "asks the cluster": r"\blookup\b",
    "throws dice": r"\b(rand[A-Z]\w+|shuffle|uuidv4|gen(PrivateKey|CA|SelfSigned|Signed)\w*)\b",
    "salts": r"\b(htpasswd|bcrypt|encryptAES|derivePassword)\b",
    "reads a clock": r"\b(now|ago|date\w*|unixEpoch)\b",
    "counts upgrades": r"\.Release\.(Revision|IsInstall|IsUpgrade)\b",
}


def _templates() -> dict[str, str]:
    """Each template without its comments."""
    files = [path for path in (CHART / "templates").rglob("*") if path.is_file()]
    return {path.name: re.sub(r"\{\{-? ?/\*.*?\*/|#.*", "", path.read_text(), flags=re.DOTALL) for path in files}


def _variable(rendered: Rendered, name: str, kind: str = "Deployment", of: str = "tenantry-operator") -> Any:
    (container,) = rendered.one(kind, of)["spec"]["template"]["spec"]["containers"]
    found = [it for it in container["env"] if it["name"] == name]
    return (found[0].get("value") or found[0].get("valueFrom")) if found else None


def _mounted(rendered: Rendered, path: str) -> Any:
    """The Secret that the operator's container has there."""
    pod = rendered.one("Deployment", "tenantry-operator")["spec"]["template"]["spec"]
    (name,) = (it["name"] for it in pod["containers"][0]["volumeMounts"] if it["mountPath"] == path)
    (volume,) = (it for it in pod["volumes"] if it["name"] == name)
    return volume["secret"]


def _ports(rendered: Rendered, name: str) -> list[list[int]]:
    rules = rendered.one("NetworkPolicy", name)["spec"]["egress"]
    return [[port["port"] for port in rule["ports"]] for rule in rules]


def _kinds(rendered: Rendered) -> set[str]:
    return {it["kind"] for it in rendered.objects}


# For each option, what is to be seen of it.
_SEEN: dict[str, Callable[[Rendered], object]] = {
    "defaults": lambda it: not {"Ingress", "HTTPRoute", "ServiceMonitor"} & _kinds(it),
    "an ingress": lambda it: (
        it.one("Ingress", "tenantry-tenant-api")["spec"]["tls"]
        == [{"hosts": ["tracking.example.org"], "secretName": "tls"}]
    ),
    "an HTTPRoute": lambda it: (
        it.one("HTTPRoute", "tenantry-tenant-api")["spec"]["parentRefs"] == [{"name": "gateway", "namespace": "edge"}]
        and "timeouts" not in it.one("HTTPRoute", "tenantry-tenant-api")["spec"]["rules"][0]
    ),
    "an HTTPRoute that lets large artifacts through": lambda it: (
        it.one("HTTPRoute", "tenantry-tenant-api")["spec"]["rules"][0]["timeouts"] == {"request": "0s"}
    ),
    "monitors": lambda it: (
        [one["metadata"]["labels"]["release"] for one in it.all("ServiceMonitor")] == ["prometheus"] * 2
    ),
    "listed namespaces": lambda it: _variable(it, "TENANTRY_WATCH_NAMESPACES") == "ws-vision,ws-language",
    "kinds that go with it": lambda it: (
        it.one("Job", "tenantry-uninstall")["spec"]["template"]["spec"]["containers"][0]["command"][3] == "remove"
    ),
    "kinds of somebody else": lambda it: (
        "initContainers" not in it.one("Job", "tenantry-migration")["spec"]["template"]["spec"]
    ),
    "no policies": lambda it: it.all("NetworkPolicy") == [],
    "peers": lambda it: _variable(it, "TENANTRY_STORAGE_PEERS") == '[{"ipBlock":{"cidr":"192.0.2.0/24"}}]',
    "OpenShift": lambda it: "fsGroup" not in it.text,
    "no budget": lambda it: it.all("PodDisruptionBudget") == [],
    "MinIO": lambda it: _ports(it, "tenantry-operator")[3] == [9000],
    "keys that are given": lambda it: _variable(it, "TENANTRY_STORAGE_ACCESS_KEY") is None,
    "workload identity": lambda it: _variable(it, "TENANTRY_STORAGE_SECRET_KEY") is None,
    "an identity at AWS": lambda it: _variable(it, "TENANTRY_STORAGE_ACCESS_KEY") is None,
    "another IAM": lambda it: _ports(it, "tenantry-operator")[3] == [7070, 7071],
    "an S3 of the house": lambda it: (
        _variable(it, "TENANTRY_STORAGE_CA_FILE") == "/etc/tenantry/storage/ca.crt"
        and _mounted(it, "/etc/tenantry/storage") == {"secretName": "corp-ca", "items": [_ROOT_PEM]}
    ),
    "a secret client": lambda it: (
        _variable(it, "TENANTRY_OIDC_CLIENT_SECRET", "StatefulSet", "tenantry-tenant-api")
        == {"secretKeyRef": {"name": "tenantry-oidc", "key": "secret"}}
    ),
    "a provider of the house": lambda it: (
        _ports(it, "tenantry-tenant-api")[2] == [8443]
        and _variable(it, "SSL_CERT_FILE", "StatefulSet", "tenantry-tenant-api") == "/etc/tenantry/oidc/ca.crt"
    ),
    "a public authority": lambda it: "postgres-ca" not in it.text,
    "a mirror": lambda it: _variable(it, "TENANTRY_IMAGE_PULL_SECRETS") == "mirror",
    "digests": lambda it: ":9" not in it.text,
    "a proxy": lambda it: (
        _variable(it, "NO_PROXY") == _variable(it, "NO_PROXY", "StatefulSet", "tenantry-tenant-api") == "10.96.0.1,.svc"
    ),
    "a long name": lambda it: all(len(one["metadata"]["name"]) <= 52 for one in it.all("StatefulSet")),
    "a place to run": lambda it: it.text.count("disk: fast") >= 2,
}


@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_does_what_it_says(option: str) -> None:
    assert _SEEN[option](render(OPTIONS[option]))


@pytest.mark.parametrize("option", OPTIONS)
def test_it_renders_to_the_same_bytes_again(option: str) -> None:
    """Argo CD renders whenever it looks; a difference would be a restart."""
    assert render_anew(json.dumps(OPTIONS[option])) == render(OPTIONS[option])


@pytest.mark.parametrize("fleeting", _FLEETING)
def test_no_template(fleeting: str) -> None:
    found = {name: words[0] for name, text in _templates().items() if (words := re.search(_FLEETING[fleeting], text))}
    assert found == {}


def test_helm_has_nothing_to_complain_of() -> None:
    linted = helm("lint", "--strict", str(CHART), "--values", str(MINIMAL), "--kube-version", KUBERNETES)
    assert linted.returncode == 0, linted.stdout + linted.stderr
    assert "[WARNING]" not in linted.stdout


def test_it_can_be_packed_without_what_is_for_tests(tmp_path: Path) -> None:
    packed = helm("package", str(CHART), "--destination", str(tmp_path))
    assert packed.returncode == 0, packed.stderr
    with tarfile.open(next(tmp_path.glob("tenantry-*.tgz"))) as archive:
        names = set(archive.getnames())
    assert {"tenantry/values.schema.json", "tenantry/images.txt", "tenantry/README.md"} <= names
    assert not [name for name in names if name.startswith("tenantry/ci")]


def test_everything_is_labelled_and_in_its_namespace() -> None:
    for option in OPTIONS:
        for it in render(OPTIONS[option]).objects:
            labels = it["metadata"]["labels"]
            assert labels["app.kubernetes.io/instance"] == "tenantry", it["metadata"]["name"]
            cluster_wide = it["kind"].startswith("ClusterRole")
            assert ("namespace" in it["metadata"]) != cluster_wide, it["metadata"]["name"]


def test_every_selector_finds_the_pods_it_is_for() -> None:
    """With labels of the user's that would lead it astray."""
    rendered = render(OPTIONS["a place to run"])
    for kind, name in (("Deployment", "tenantry-operator"), ("StatefulSet", "tenantry-tenant-api")):
        workload = rendered.one(kind, name)["spec"]
        labels = workload["template"]["metadata"]["labels"].items()
        assert workload["selector"]["matchLabels"].items() <= labels
        assert rendered.one("Service", name)["spec"]["selector"].items() <= labels
        assert rendered.one("PodDisruptionBudget", name)["spec"]["selector"]["matchLabels"].items() <= labels
        assert rendered.one("NetworkPolicy", name)["spec"]["podSelector"]["matchLabels"].items() <= labels


@pytest.mark.parametrize("tracker", [None, "argo-application"])
def test_a_monitor_finds_one_service_of_its_own(tracker: str | None) -> None:
    """Also when Argo CD has written its application's name over the instance, its default before version 3."""
    rendered = render(OPTIONS["monitors"])
    labels = {it["metadata"]["name"]: dict(it["metadata"]["labels"]) for it in rendered.all("Service")}
    for each in labels.values():
        each["app.kubernetes.io/instance"] = tracker or each["app.kubernetes.io/instance"]
    found = {
        monitor["metadata"]["name"]: [
            name for name, each in labels.items() if monitor["spec"]["selector"]["matchLabels"].items() <= each.items()
        ]
        for monitor in rendered.all("ServiceMonitor")
    }
    assert found == {name: [name] for name in ("tenantry-operator", "tenantry-tenant-api")}


def test_no_way_in_leads_to_how_the_door_does() -> None:
    name = "tenantry-tenant-api"
    (way,) = render(OPTIONS["an ingress"]).one("Ingress", name)["spec"]["rules"][0]["http"]["paths"]
    (route,) = render(OPTIONS["an HTTPRoute"]).one("HTTPRoute", name)["spec"]["rules"][0]["backendRefs"]
    guarded, watched = render(OPTIONS["peers"]), render(OPTIONS["monitors"])
    ports = {port["name"]: port["port"] for port in guarded.one("Service", name)["spec"]["ports"]}
    assert (way["backend"]["service"]["port"], route["port"]) == ({"name": "http"}, ports["http"])
    assert [it["spec"]["endpoints"][0]["port"] for it in watched.all("ServiceMonitor")] == ["metrics"] * 2
    people, prometheus = guarded.one("NetworkPolicy", name)["spec"]["ingress"]
    assert [rule["ports"][0]["port"] for rule in (people, prometheus)] == ["http", "metrics"]
    assert prometheus["from"] == [{"ipBlock": {"cidr": "192.0.2.0/24"}}]
    listens = _variable(guarded, "TENANTRY_METRICS_LISTEN", "StatefulSet", name)
    assert listens == f"0.0.0.0:{ports['metrics']}"


def test_each_replica_keeps_its_log_on_a_volume_of_its_own() -> None:
    spec = render().one("StatefulSet", "tenantry-tenant-api")["spec"]
    (claim,) = spec["volumeClaimTemplates"]
    (container,) = spec["template"]["spec"]["containers"]
    assert spec["replicas"] >= 2
    assert {"name": claim["metadata"]["name"], "mountPath": "/var/lib/tenantry"} in container["volumeMounts"]
    assert spec["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}
    written = {it["name"]: it.get("value", "") for it in container["env"]}
    assert written["TENANTRY_RECORD_DIRECTORY"].startswith("/var/lib/tenantry/")
    assert written["TENANTRY_CHECKPOINT_DIRECTORY"].startswith("/var/lib/tenantry/")


def test_hooks_bring_what_they_need_and_leave_nothing() -> None:
    """They run before anything else of the chart is there, and are no part of what `helm uninstall` removes."""
    for it in render(OPTIONS["kinds that go with it"]).objects:
        annotations = it["metadata"].get("annotations", {})
        if it["metadata"]["labels"]["app.kubernetes.io/component"] in {"migration", "uninstall", "test"}:
            assert annotations["helm.sh/hook-delete-policy"] == "before-hook-creation,hook-succeeded"
        else:
            assert "helm.sh/hook" not in annotations
        if it["kind"] == "Job":
            assert int(annotations["helm.sh/hook-weight"]) > -10


def test_the_whole_of_it_is_in_the_golden_file(*, update_golden: bool) -> None:
    if update_golden:
        _GOLDEN.write_text(render().text)
    assert render().text == _GOLDEN.read_text(), "read the diff of pytest --update-golden tests/chart"
