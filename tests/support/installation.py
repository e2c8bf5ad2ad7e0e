"""The chart installed in a cluster with the three images, and who is there: people outside, and pods that train."""

from __future__ import annotations

import functools
import json
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from hack.demo.browser import Person

from tests.support.cluster import Cluster, Failed
from tests.support.services import PUBLIC_URL, Services, secret
from tests.support.site import Caller
from tests.support.version import PRESENT, Version
from tests.support.wait import until

__all__ = [
    "NAMESPACE",
    "PROJECTS",
    "RELEASE",
    "Installation",
    "install",
    "keep_what_is_said",
    "make_tenants",
    "uninstall",
]

NAMESPACE = RELEASE = "tenantry"
# Workspace and name of each project of manifests/projects.yaml.
PROJECTS = (("vision", "segmentation"), ("vision", "detection"), ("language", "translation"))
_TOKEN = "/var/run/tenantry/token"


@dataclass(frozen=True)
class Installation:
    cluster: Cluster
    services: Services
    version: Version

    def ready(self, workspace: str, name: str) -> bool:
        return self.conditions(workspace, name).get("Ready", ("", "", ""))[0] == "True"

    def conditions(self, workspace: str, name: str) -> dict[str, tuple[str, str, str]]:
        return self.cluster.conditions("project", name, f"ws-{workspace}")

    def wait_until_ready(self, projects: Iterable[tuple[str, str]] = PROJECTS, deadline: float = 180) -> float:
        """Seconds that it took. What a project lacks is in the failure."""
        begun = time.monotonic()
        for workspace, name in projects:
            try:
                until(functools.partial(self.ready, workspace, name), deadline=deadline)
            except AssertionError as error:
                lacks = json.dumps(self.conditions(workspace, name), indent=1)
                raise AssertionError(f"{workspace}/{name} is not ready: {lacks}") from error
        return time.monotonic() - begun

    def wait_until_replaced(self, deadline: float = 180) -> float:
        """Until all projects have servers of this version and no others. Seconds that it took."""
        begun = time.monotonic()
        for workspace, name in PROJECTS:
            until(functools.partial(self._has_a_server, workspace, name), deadline=deadline, what=f"a server of {name}")
            self.cluster.rolled_out(f"deployment/mlflow-{name}", f"ws-{workspace}", deadline)
        self.wait_until_ready()
        return time.monotonic() - begun

    def _has_a_server(self, workspace: str, name: str) -> bool:
        found = self.cluster.find("deployment", f"mlflow-{name}", f"ws-{workspace}")
        pod = found["spec"]["template"]["spec"] if found else {"containers": []}
        return [it["image"].rpartition(":")[2] for it in pod["containers"]] == [self.version.tag]

    def token(self, username: str) -> str:
        """A personal token of somebody who signs in at the provider."""
        person = Person(PUBLIC_URL, username)
        person.sign_in()
        return person.create_token("e2e")

    def caller(self, username: str, workspace: str, name: str) -> Caller:
        return Caller(PUBLIC_URL, self.token(username), f"/w/{workspace}/p/{name}")

    def door_pods(self) -> list[str]:
        pods = self.cluster.get("pod", namespace=NAMESPACE, selector="app.kubernetes.io/component=tenant-api")["items"]
        return [str(it["metadata"]["name"]) for it in pods]

    def leader(self) -> str:
        """Name of the operator's pod that holds the Lease."""
        lease = self.cluster.get("lease", f"tenantry-{RELEASE}", NAMESPACE)
        return str(lease["spec"].get("holderIdentity") or "")

    def train(
        self, name: str, script: Path, workspace: str, project: str, *, deadline: float = 600
    ) -> tuple[bool, str]:
        """Run a script in a pod as `train/runner`, as docs/workload-identity.md says; see Cluster.pod_ended."""
        self.start_training(name, script, workspace, project)
        return self.cluster.pod_ended(name, "train", deadline)

    def start_training(self, name: str, script: Path, workspace: str, project: str) -> None:
        url = f"{PUBLIC_URL}/w/{workspace}/p/{project}"
        self.cluster.delete("pod", name, "train")
        self.cluster.apply(_script(name, script.read_text()), _training_pod(name, url))


def install(cluster: Cluster, services: Services, version: Version = PRESENT) -> Installation:
    """Install, or upgrade, and wait until every pod is ready and the way in leads somewhere."""
    cluster.apply(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        secret("postgres", NAMESPACE, **_urls(services)),
        secret("postgres-ca", NAMESPACE, **{"ca.crt": (services.home / "ca.crt").read_text()}),
        secret("s3", NAMESPACE, accessKey=services.s3_key[0], secretKey=services.s3_key[1]),
        (version.manifests / "door.yaml").read_text(),
    )
    # Another key would make another log of what is one.
    if cluster.find("secret", "audit", NAMESPACE) is None:
        cluster.apply(secret("audit", NAMESPACE, **{"signing.key": _signing_key()}))
    tags = ",".join(f"{program}.image.tag={version.tag}" for program in ("operator", "tenantApi", "backend"))
    values = ("--values", str(version.manifests / "values.yaml"), "--set", tags)
    chart = (RELEASE, str(version.chart), "--namespace", NAMESPACE)
    try:
        cluster.helm("upgrade", "--install", *chart, *values, "--wait", "--timeout", "5m")
    except Failed as error:
        raise Failed(f"{error}\n{describe(cluster, NAMESPACE)}") from error
    until(_open, deadline=60, what="the door to answer at its address")
    return Installation(cluster, services, version)


def uninstall(cluster: Cluster) -> None:
    cluster.helm("uninstall", RELEASE, "--namespace", NAMESPACE, "--wait", "--timeout", "3m")


def make_tenants(cluster: Cluster, version: Version = PRESENT) -> None:
    """The workspaces, and once they are ready, the projects."""
    cluster.apply((version.manifests / "tenants.yaml").read_text())
    # A quota that is not in force yet, which a new kind's is not for half a minute, lets none in.
    workspaces = ("workspace/vision", "workspace/language")
    cluster.kubectl("wait", "--for=condition=Ready", *workspaces, "--timeout=120s", deadline=130)
    cluster.apply((version.manifests / "projects.yaml").read_text())


def describe(cluster: Cluster, namespace: str) -> str:
    """Pods, events and the ends of logs: what a person would look at first."""
    said = [cluster.kubectl("-n", namespace, "get", "pods,jobs", "-o", "wide")]
    said.append(cluster.kubectl("-n", namespace, "get", "events", "--sort-by=.lastTimestamp")[-4000:])
    for pod in cluster.get("pod", namespace=namespace)["items"]:
        name = pod["metadata"]["name"]
        try:
            logs = cluster.kubectl("-n", namespace, "logs", name, "--all-containers", "--prefix", "--tail=200")
        except Failed as error:
            logs = str(error)
        said.append(logs[-20000:])
    return "\n".join(said)


def keep_what_is_said(cluster: Cluster, folder: Path) -> None:
    """A file a namespace, for whoever has to find out why a test failed."""
    folder.mkdir(parents=True, exist_ok=True)
    for namespace in cluster.get("namespace")["items"]:
        name = namespace["metadata"]["name"]
        (folder / f"{name}.txt").write_text(describe(cluster, name))


def _open() -> bool:
    try:
        return requests.get(f"{PUBLIC_URL}/healthz", timeout=5).status_code == 200
    except requests.RequestException:
        return False


def _urls(services: Services) -> dict[str, str]:
    databases = {"owner": "tenantry", "operator": "tenantry", "api": "tenantry", "provision": "tenantry_provision"}
    return {f"{role}Url": services.url(role, database) for role, database in databases.items()}


def _signing_key() -> str:
    return (
        ed25519.Ed25519PrivateKey.generate()
        .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        .decode()
    )


def _script(name: str, text: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "train"},
        "data": {"script.py": text},
    }


def _training_pod(name: str, url: str) -> dict[str, Any]:
    """With the environment of these tests, as it lies on this machine: the stock client, and what people train with."""
    token = {"serviceAccountToken": {"path": "token", "audience": PUBLIC_URL, "expirationSeconds": 3600}}
    volumes: list[dict[str, Any]] = [
        {"name": "script", "configMap": {"name": name}},
        {"name": "tmp", "emptyDir": {}},
        {"name": "tenantry", "projected": {"sources": [token]}},
    ]
    mounts = [{"name": "script", "mountPath": "/script"}, {"name": "tmp", "mountPath": "/tmp"}]
    mounts.append({"name": "tenantry", "mountPath": str(Path(_TOKEN).parent)})
    for number, folder in enumerate({sys.prefix, sys.base_prefix} - {"/usr"}):
        volumes.append({"name": f"python-{number}", "hostPath": {"path": folder}})
        mounts.append({"name": f"python-{number}", "mountPath": folder})
    program = f"exec {sys.executable} -W ignore /script/script.py {url} /tmp"
    container = {
        "name": "train",
        "image": "localhost/python:1",
        "imagePullPolicy": "Never",
        "command": ["sh", "-c", f'export MLFLOW_TRACKING_TOKEN="$(cat {_TOKEN})" && {program}'],
        "env": [{"name": "HOME", "value": "/tmp"}, {"name": "DO_NOT_TRACK", "value": "true"}],
        "volumeMounts": [it if it["name"] == "tmp" else it | {"readOnly": True} for it in mounts],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    spec = {
        "serviceAccountName": "runner",
        "automountServiceAccountToken": False,
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 0,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "fsGroup": 65532},
        "containers": [container],
        "volumes": volumes,
    }
    metadata = {"name": name, "namespace": "train", "labels": {"app": "train"}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
