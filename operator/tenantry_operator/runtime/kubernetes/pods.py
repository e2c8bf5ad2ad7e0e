"""The runtime of a cluster: each server a Deployment of one pod. Kubernetes keeps it running; this asks for it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping

from pydantic import SecretStr

from tenantry_operator.facts import Key, ProjectKey, ServerPlan, Site, WorkspaceKey, WorkspacePlan
from tenantry_operator.plan.naming import database_name
from tenantry_operator.plan.objects import backend_objects, workspace_objects
from tenantry_operator.plan.objects.backend import SETTINGS, address
from tenantry_operator.plan.objects.metadata import COMPONENT, WORKSPACE, backend_name, labels, namespace
from tenantry_operator.plan.objects.workspace import NAME
from tenantry_operator.provision import SecretStore
from tenantry_operator.runtime import (
    Failed,
    Running,
    ServerFailed,
    ServerStarting,
    Starting,
    State,
    Stopped,
    WorkspaceRefused,
    WorkspaceWaiting,
)
from tenantry_operator.runtime.kubernetes.apply import TAKEN, Applier
from tenantry_operator.runtime.kubernetes.client import Client, ClusterRefused, Document
from tenantry_operator.runtime.kubernetes.counting import Counting
from tenantry_operator.runtime.kubernetes.kinds import Ref
from tenantry_operator.runtime.kubernetes.live import Live
from tenantry_operator.runtime.kubernetes.trouble import Trouble, refusal, trouble_of

__all__ = ["KubernetesRuntime", "guard_name"]


class KubernetesRuntime:
    """Fulfils `Runtime`. What it knows of pods it knows from `live`; `start` and `stop` return before they are done."""

    rolls = True

    def __init__(self, client: Client, live: Live, passwords: SecretStore, site: Site) -> None:
        self._client, self._live, self._passwords, self._site = client, live, passwords, site
        self._applier = Applier(client, live)
        self._counting = Counting(client, live)
        self._addresses: dict[ProjectKey, Running] = {}
        # What `start` found in the way of pods; nobody watches those.
        self._troubles: dict[ProjectKey, Trouble] = {}

    def ensure_workspace(self, plan: WorkspacePlan) -> None:
        objects, quota = workspace_objects(plan, self._site), Ref("ResourceQuota", namespace(plan.key), NAME)
        try:
            self._applier.apply(plan.key, objects)
            if self._counting.unsettle(quota):
                self._applier.apply(plan.key, objects)
        except ClusterRefused as error:
            reason = "NamespaceTaken" if error.reason == TAKEN else "NotApplied"
            raise WorkspaceRefused(reason, str(error)) from error
        if missing := self._counting.missing(quota):
            raise WorkspaceWaiting("NotCounted", _not_counted(missing))

    def remove_workspace(self, key: WorkspaceKey) -> bool:
        """Its namespace stays: what others put into it is not ours to delete."""
        if self._has_backends(key):
            return False
        self._applier.remove(key)
        return True

    def prepare(self, plan: ServerPlan) -> None:
        running = Running(address(plan), self._guard(plan.key))
        self._addresses[plan.key] = running
        if self._site.owns_namespaces and not self._in_our_namespace(plan.key):
            raise ServerStarting(f"waits for the namespace {namespace(plan.key)} of its workspace")
        try:
            self._applier.apply(plan.key, backend_objects(plan, running.secret, self._site))
        except ClusterRefused as error:
            raise ServerFailed(f"Kubernetes refuses an object of the backend: {error}") from error

    def start(self, plan: ServerPlan) -> Running:
        deployment = self._deployment(plan.key)
        if deployment and deployment["spec"].get("replicas") == 0:
            self._scale(plan.key, 1)
        state = self.state(plan.key)
        if isinstance(state, Running):
            return state
        # What was made just now may not be seen yet: the same words, or each new project would be news twice.
        if not isinstance(state, Stopped) and (trouble := self._look(plan.key)):
            raise ServerFailed(trouble.message, trouble.reason)
        raise ServerStarting("its pod starts")

    def stop(self, key: ProjectKey) -> None:
        self._troubles.pop(key, None)
        deployment = self._deployment(key)
        if deployment and deployment["spec"].get("replicas") != 0:
            self._scale(key, 0)

    def state(self, key: ProjectKey) -> State:
        deployment, known = self._deployment(key), self._addresses.get(key)
        if deployment is None or deployment["spec"].get("replicas") == 0:
            return Stopped()
        status = deployment.get("status", {})
        if known and status.get("availableReplicas", 0) > 0:
            return known
        trouble = refusal(key, status) or self._troubles.get(key)
        if trouble and not trouble.passes:
            return Failed(trouble.message, trouble.reason)
        return Starting(trouble.message if trouble else "its pod starts")

    def is_settled(self, key: ProjectKey) -> bool:
        """Pods that end count until they are gone: requests may be in flight."""
        deployment = self._deployment(key)
        wanted = _settings_of(deployment["spec"]["template"]) if deployment else None
        return all(_settings_of(pod) == wanted and not _is_ending(pod) for pod in self._pods(key))

    def dismantle(self, key: ProjectKey) -> None:
        self._applier.remove(key)
        self._addresses.pop(key, None)
        self._troubles.pop(key, None)

    def forget(self, key: ProjectKey) -> None:
        self._passwords.remove(guard_name(key))

    def close(self) -> None:
        """Pods outlive the operator."""

    def _has_backends(self, key: WorkspaceKey) -> bool:
        """A pod outlives its Deployment by the time that its requests have."""
        made = self._live.keys()
        if any(isinstance(one, ProjectKey) and one.workspace == key.workspace for one in made):
            return True
        return any(self._pods_with(key, {COMPONENT: "backend", WORKSPACE: key.workspace}))

    def _guard(self, key: ProjectKey) -> SecretStr:
        """What the guard asks for, made once: pods of two generations then admit the same door."""
        secret = self._passwords.read(guard_name(key))
        if secret is None:
            secret = SecretStr(secrets.token_urlsafe(32))
            self._passwords.write(guard_name(key), secret)
        return secret

    def _in_our_namespace(self, key: ProjectKey) -> bool:
        found = self._live.get(Ref("Namespace", "", namespace(key)))
        ours = labels(WorkspaceKey(key.workspace), self._site)
        return found is not None and ours.items() <= found["metadata"].get("labels", {}).items()

    def _deployment(self, key: ProjectKey) -> Document | None:
        return self._live.get(_deployment_of(key))

    def _scale(self, key: ProjectKey, replicas: int) -> None:
        self._client.merge(_deployment_of(key), {"spec": {"replicas": replicas}}, "scale")

    def _pods(self, key: ProjectKey) -> Iterator[Document]:
        return self._pods_with(key, labels(key, self._site))

    def _pods_with(self, key: Key, wanted: Mapping[str, str]) -> Iterator[Document]:
        selected = ",".join(f"{name}={value}" for name, value in wanted.items())
        for _, pods in self._client.pages("Pod", namespace(key), selected):
            yield from pods

    def _look(self, key: ProjectKey) -> Trouble | None:
        deployment = self._deployment(key) or {}
        # A Deployment that counts no pod has none to ask for.
        pods = self._pods(key) if deployment.get("status", {}).get("replicas") else ()
        trouble = trouble_of(key, pods, deployment)
        if trouble:
            self._troubles[key] = trouble
        else:
            self._troubles.pop(key, None)
        return trouble


def _not_counted(limits: frozenset[str]) -> str:
    return (
        f"spec.quota is not in force yet: Kubernetes does not count {', '.join(sorted(limits))}, and may let none in. "
        "It comes by itself within minutes, if the controller manager runs"
    )


def _settings_of(template: Document) -> str | None:
    """Return the digest of the settings that a pod was made with."""
    found: str | None = template["metadata"].get("annotations", {}).get(SETTINGS)
    return found


def _is_ending(pod: Document) -> bool:
    return "deletionTimestamp" in pod["metadata"]


def _deployment_of(key: ProjectKey) -> Ref:
    return Ref("Deployment", namespace(key), backend_name(key))


def guard_name(key: ProjectKey) -> str:
    """Return what the guard's secret is kept under."""
    return f"guard.{database_name(key)}"
