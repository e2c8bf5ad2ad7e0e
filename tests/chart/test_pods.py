"""Each pod of the chart is one that a careful cluster lets in, and knows no more than it has to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chart.options import DIGEST, OPTIONS
from tests.support.helm import CHART, pods, render

_DOCS = Path(__file__).parents[2] / "docs"
_PODS = ("tenantry-operator", "tenantry-tenant-api", "tenantry-migration", "tenantry-uninstall", "tenantry-test")
_IMAGES = ("tenantry-api", "tenantry-backend", "tenantry-operator")


def _pod(name: str) -> dict[str, Any]:
    found: dict[str, Any] = dict(pods(render(OPTIONS["kinds that go with it"])))[name]["spec"]
    return found


def _containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return [*pod.get("initContainers", []), *pod["containers"]]


def _addresses(option: str) -> set[str]:
    """Of all images that an installation runs: its pods', and the one that the operator is told of."""
    found = [it for _, pod in pods(render(OPTIONS[option])) for it in _containers(pod["spec"])]
    told = [it["value"] for one in found for it in one.get("env", []) if it["name"] == "TENANTRY_BACKEND_IMAGE"]
    return {it["image"] for it in found} | set(told)


def _keys(value: object) -> Iterator[str]:
    for key, it in value.items() if isinstance(value, dict) else ():
        yield key
        yield from _keys(it)
    for it in value if isinstance(value, list) else ():
        yield from _keys(it)


def test_these_are_all_pods() -> None:
    assert {name for option in OPTIONS.values() for name, _ in pods(render(option)) if len(name) < 30} == set(_PODS)


@pytest.mark.parametrize("name", _PODS)
def test_is_what_the_restricted_level_asks_for(name: str) -> None:
    pod = _pod(name)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert {"hostNetwork", "hostPID", "hostIPC"}.isdisjoint(pod)
    for container in _containers(pod):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
        }
    assert {kind for volume in pod.get("volumes", []) for kind in volume} <= {"name", "emptyDir", "secret"}


def test_the_door_goes_on_until_nobody_new_comes_without_a_hook_and_is_given_the_time() -> None:
    pod = _pod("tenantry-tenant-api")
    (door,) = pod["containers"]
    delay = next(float(it["value"]) for it in door["env"] if it["name"] == "TENANTRY_STOP_DELAY")
    assert "lifecycle" not in door
    assert 5 <= delay <= pod["terminationGracePeriodSeconds"] - 30


@pytest.mark.parametrize("option", OPTIONS)
def test_no_user_is_fixed(option: str) -> None:
    """OpenShift gives each namespace users of its own, and refuses others."""
    keys = {key for _, pod in pods(render(OPTIONS[option])) for key in _keys(pod)}
    assert keys.isdisjoint({"runAsUser", "runAsGroup", "supplementalGroups"})


def test_the_group_is_fixed_where_a_volume_is_written_and_nowhere_on_openshift() -> None:
    def groups(option: str) -> dict[str, int]:
        found = {name: pod["spec"]["securityContext"].get("fsGroup") for name, pod in pods(render(OPTIONS[option]))}
        return {name: group for name, group in found.items() if group}

    assert groups("defaults") == {"tenantry-tenant-api": 65532}
    assert groups("OpenShift") == {}


@pytest.mark.parametrize("name", _PODS)
def test_can_write_to_tmp_alone(name: str) -> None:
    pod = _pod(name)
    writable = {
        mount["mountPath"]
        for container in _containers(pod)
        for mount in container.get("volumeMounts", [])
        if not mount.get("readOnly")
    }
    assert writable - {"/var/lib/tenantry"} <= {"/tmp"}


@pytest.mark.parametrize("name", _PODS)
def test_runs_where_the_values_say_and_pulls_its_image_with_their_secrets(name: str) -> None:
    """Hooks and the test as well: on a cluster with nodes of its own for us, they would wait for ever."""
    values = OPTIONS["a place to run"] | OPTIONS["kinds that go with it"] | {"imagePullSecrets": [{"name": "mirror"}]}
    pod = dict(pods(render(values)))[name]["spec"]
    assert pod["nodeSelector"] == {"disk": "fast"}
    assert pod["tolerations"] == [{"key": "dedicated", "operator": "Exists"}]
    assert pod["imagePullSecrets"] == [{"name": "mirror"}]


@pytest.mark.parametrize("name", ["tenantry-operator", "tenantry-tenant-api"])
def test_a_spread_is_of_its_own_pods_unless_it_says_of_which(name: str) -> None:
    pod = dict(pods(render(OPTIONS["a place to run"])))[name]
    zones, nodes = pod["spec"]["topologySpreadConstraints"]
    assert zones["topologyKey"] == "topology.kubernetes.io/zone"
    assert len(zones["labelSelector"]["matchLabels"]) == 3
    assert zones["labelSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    assert nodes["labelSelector"] == {"matchLabels": {"team": "platform"}}


@pytest.mark.parametrize("name", _PODS)
def test_says_what_it_takes(name: str) -> None:
    for container in _containers(_pod(name)):
        assert {"cpu", "memory"} <= set(container["resources"]["requests"])
        assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("name", _PODS)
def test_gets_a_token_only_where_it_talks_to_the_api_server(name: str) -> None:
    talks = {"tenantry-operator", "tenantry-migration", "tenantry-uninstall"}
    assert _pod(name)["automountServiceAccountToken"] is (name in talks)


@pytest.mark.parametrize("name", _PODS)
def test_is_told_nothing_by_services(name: str) -> None:
    """A Service's variables start with its name, and so do our settings."""
    assert _pod(name)["enableServiceLinks"] is False


def test_each_setting_is_documented() -> None:
    documented = set(re.findall(r"`([A-Z_]+)`", (_DOCS / "settings.md").read_text()))
    told = {
        it["name"]
        for option in OPTIONS.values()
        for _, pod in pods(render(option))
        for container in _containers(pod["spec"])
        for it in container.get("env", [])
    }
    assert told - documented == set()


def test_what_is_secret_comes_from_a_secret() -> None:
    secret = re.compile(r"_(PASSWORD|SECRET|ACCESS_KEY|SECRET_KEY|(CATALOG|PROVISION|OWNER|OPERATOR|API)_URL)$")
    for option in ("defaults", "a secret client"):
        for _, pod in pods(render(OPTIONS[option])):
            for container in _containers(pod["spec"]):
                for it in container.get("env", []):
                    assert ("secretKeyRef" in it.get("valueFrom", {})) == bool(secret.search(it["name"])), it


def test_images_are_those_of_the_list() -> None:
    listed = (CHART / "images.txt").read_text().split()
    assert listed == sorted(_addresses("kinds that go with it"))
    assert [it.partition(":")[0] for it in listed] == sorted(_IMAGES)


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("a mirror", {f"mirror.example.org/tenantry/{it}:0.1.0" for it in _IMAGES}),
        ("digests", {f"{it}@{DIGEST}" for it in _IMAGES}),
    ],
)
def test_each_image_can_come_from_elsewhere(option: str, expected: set[str]) -> None:
    assert _addresses(option) == expected


def test_the_test_pod_asks_the_service_that_people_ask() -> None:
    rendered = render({"tenantApi": {"service": {"port": 8443}}}, release="blue", namespace="tracking")
    (container,) = rendered.one("Pod", "blue-test")["spec"]["containers"]
    assert container["args"][-1] == "http://blue-tenant-api.tracking.svc:8443"
    assert rendered.one("Service", "blue-tenant-api")["spec"]["ports"][0]["port"] == 8443
    compile(container["args"][0], "test", "exec")
