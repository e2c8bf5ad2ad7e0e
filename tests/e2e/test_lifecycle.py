"""Installing, taking away and installing again: what was written before is there after it."""

from __future__ import annotations

import json
import time
from typing import Any

from tests.support.cluster import Cluster
from tests.support.figures import Figure
from tests.support.installation import NAMESPACE, RELEASE, Installation, install, make_tenants, uninstall
from tests.support.services import PUBLIC_URL
from tests.support.site import Caller
from tests.support.wait import until


def test_helm_finds_the_door_open_and_locked(installation: Installation) -> None:
    installation.cluster.helm("test", RELEASE, "--namespace", NAMESPACE, "--timeout", "2m")


def test_an_upgrade_to_the_same_changes_nothing(installation: Installation) -> None:
    def revisions() -> list[Any]:
        listed = installation.cluster.get("deployment,statefulset", namespace=NAMESPACE)["items"]
        return [it["metadata"]["generation"] for it in listed]

    before = revisions()
    install(installation.cluster, installation.services)
    assert revisions() == before


def test_a_project_takes_seconds_from_its_manifest_to_the_first_call(
    installation: Installation, figure: Figure
) -> None:
    cluster, token = installation.cluster, installation.token("alice")
    caller = Caller(PUBLIC_URL, token, "/w/vision/p/fresh")
    begun = time.monotonic()
    cluster.apply(_FRESH)
    until(lambda: caller.mlflow("GET", "experiments/get?experiment_id=0").status == 200, deadline=120, what="fresh")
    figure("kubectl apply of a project, until the first successful MLflow call", time.monotonic() - begun)


def test_a_project_that_was_deleted_with_retain_is_adopted_again(installation: Installation) -> None:
    cluster, caller = installation.cluster, installation.caller("alice", "vision", "fresh")
    run = caller.log_run(0.125)
    cluster.delete("project", "fresh", "ws-vision")
    until(lambda: cluster.find("deployment", "mlflow-fresh", "ws-vision") is None, deadline=60, what="its server's end")
    until(lambda: caller.mlflow("GET", "experiments/get?experiment_id=0").status != 200, deadline=30, what="its end")
    cluster.apply(_FRESH)
    installation.wait_until_ready([("vision", "fresh")])
    until(lambda: caller.mlflow("GET", "experiments/get?experiment_id=0").status == 200, deadline=60, what="its door")
    assert caller.loss_of(run) == 0.125


def test_the_chart_uninstalled_and_installed_again_loses_nothing(installation: Installation, figure: Figure) -> None:
    cluster, caller = installation.cluster, installation.caller("alice", "vision", "detection")
    run = caller.log_run(0.75)
    _set_policy(cluster, "Delete")
    until(lambda: all(_finalizers(cluster)), deadline=30, what="a finalizer of all that would be deleted with its data")
    uninstall(cluster)
    assert cluster.find("project", "detection", "ws-vision") is not None
    assert not any(_finalizers(cluster)), "nothing hangs without the operator"
    _set_policy(cluster, "Retain")
    begun = time.monotonic()
    installed = install(cluster, installation.services)
    installed.wait_until_ready()
    until(lambda: caller.mlflow("GET", "experiments/get?experiment_id=0").status == 200, deadline=60, what="its door")
    figure("helm uninstall and install: until all projects are ready again", time.monotonic() - begun)
    assert caller.loss_of(run) == 0.75


def test_kinds_that_were_deleted_and_come_back_lose_nothing(installation: Installation, figure: Figure) -> None:
    cluster, caller = installation.cluster, installation.caller("alice", "vision", "detection")
    run = caller.log_run(0.375)
    for kind in ("projects", "workspaces"):
        cluster.delete("crd", f"{kind}.tenantry.dev", deadline=120)
    begun = time.monotonic()
    installed = install(cluster, installation.services)
    make_tenants(cluster)
    installed.wait_until_ready()
    until(lambda: caller.mlflow("GET", "experiments/get?experiment_id=0").status == 200, deadline=60, what="its door")
    figure("kinds deleted and installed again: until all projects are ready again", time.monotonic() - begun)
    assert caller.loss_of(run) == 0.375


def _set_policy(cluster: Cluster, policy: str) -> None:
    for of in _LANGUAGE:
        cluster.kubectl("patch", *of, "--type=merge", "-p", json.dumps({"spec": {"deletionPolicy": policy}}))


def _finalizers(cluster: Cluster) -> list[list[str]]:
    objects = [json.loads(cluster.kubectl("get", *of, "-o", "json")) for of in _LANGUAGE]
    return [it["metadata"].get("finalizers", []) for it in objects]


_LANGUAGE = (("workspace", "language"), ("project", "translation", "-n", "ws-language"))
_FRESH = """
apiVersion: tenantry.dev/v1alpha1
kind: Project
metadata: {name: fresh, namespace: ws-vision}
spec: {displayName: Fresh, owner: "user:alice@example.org"}
"""
