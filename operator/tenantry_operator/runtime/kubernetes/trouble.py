"""Why no pod of a backend becomes ready, and what to do about it. Pure.

The words stay the same while the cause does: what Kubernetes says of one image differs from one attempt to the next.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from tenantry_operator.facts import ProjectKey
from tenantry_operator.plan.objects.metadata import backend_name, namespace
from tenantry_operator.plan.objects.workspace import NAME
from tenantry_operator.runtime.kubernetes.client import Document

__all__ = ["Trouble", "refusal", "trouble_of"]


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that somebody has to do something about: one word for programs, and words for people."""

    reason: str
    message: str
    # A node with room may come, and what ended once is started again: whoever waits for the server waits for that too.
    passes: bool = False


# Reasons of a container that waits.
_NO_IMAGE: Final = frozenset(
    {"ErrImageNeverPull", "ErrImagePull", "ImageInspectError", "ImagePullBackOff", "InvalidImageName",
     "RegistryUnavailable", "SignatureValidationFailed"}
)  # fmt: skip
_NOT_MADE: Final = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
_ENDS: Final = "CrashLoopBackOff"
_OUT_OF_MEMORY: Final = "OOMKilled"

# What the API server says of a pod that a quota has no room for: each part is `name=amount`, separated by commas.
_EXCEEDED: Final = re.compile(r"exceeded quota: (\S+), requested: (\S+), used: (\S+), limited: (\S+)")
_FIELDS: Final = {"requests.cpu": "spec.quota.cpu", "requests.memory": "spec.quota.memory"}


def trouble_of(key: ProjectKey, pods: Iterable[Document], deployment: Document) -> Trouble | None:
    """Return what keeps its pods from starting; None while they may just take their time."""
    found = (trouble for pod in pods if "deletionTimestamp" not in pod["metadata"] for trouble in _troubles(key, pod))
    return next(found, None) or refusal(key, deployment.get("status", {}))


def refusal(key: ProjectKey, status: Document) -> Trouble | None:
    """Return why its Deployment cannot make a pod at all, such as a quota that is used up."""
    for condition in status.get("conditions", ()):
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            said = str(condition["message"])
            return _exceeded(key, said) or Trouble("ServerFailed", f"Kubernetes makes no pod for it: {said}")
    return None


def _exceeded(key: ProjectKey, said: str) -> Trouble | None:
    found = _EXCEEDED.search(said)
    if found is None:
        return None
    quota, *amounts = found.groups()
    asked, used, limits = (dict(part.partition("=")[::2] for part in amount.split(",")) for amount in amounts)
    words = (f"{name}: {asked[name]} asked, {used.get(name, '?')} of {limits.get(name, '?')} used" for name in asked)
    if quota == NAME:
        fields = ", ".join(_FIELDS.get(name, f"{name} of spec.quota") for name in asked)
        cure = f"raise {fields} of Workspace {key.workspace}, or hibernate another project of it"
    else:
        cure = f"raise ResourceQuota {quota} in namespace {namespace(key)}, which is not Tenantry's"
    return Trouble("QuotaExceeded", f"exceeded quota: {'; '.join(words)}: {cure}")


def _troubles(key: ProjectKey, pod: Document) -> Iterator[Trouble]:
    status: Any = pod.get("status", {})
    for condition in status.get("conditions", ()):
        if condition["type"] == "PodScheduled" and condition.get("reason") == "Unschedulable":
            said = str(condition.get("message", "")).partition(" preemption:")[0].rstrip(".")
            cure = "add a node, or choose a smaller spec.tracking.size"
            yield Trouble("Unschedulable", f"its pod finds no node: {said}: {cure}", passes=True)
    for container in status.get("containerStatuses", ()):
        if trouble := _of_container(key, container):
            yield trouble


def _of_container(key: ProjectKey, container: Document) -> Trouble | None:
    state = container.get("state", {})
    reason = state.get("waiting", {}).get("reason", "")
    ended = state.get("terminated") or (container.get("lastState", {}).get("terminated") if reason == _ENDS else None)
    if reason in _NO_IMAGE:
        return _no_image(key, str(container.get("image", "")))
    if reason in _NOT_MADE:
        said = state["waiting"].get("message") or "see the pod's events"
        return Trouble("ServerFailed", f"its pod does not start: {reason}: {said}")
    return _end(key, ended or {}, passes=reason != _ENDS) if ended or reason == _ENDS else None


def _no_image(key: ProjectKey, image: str) -> Trouble:
    cure = f"check backend.image, and that the Secrets of imagePullSecrets are in namespace {namespace(key)}"
    return Trouble("ImageNotPullable", f"its image {image} cannot be pulled: {cure}; the pod's events say why")


def _end(key: ProjectKey, ended: Document, *, passes: bool) -> Trouble:
    how = f"{ended.get('reason', 'Error')}, exit code {ended.get('exitCode', 'unknown')}"
    if ended.get("reason") == _OUT_OF_MEMORY:
        cure = "choose a larger spec.tracking.size"
        return Trouble("OutOfMemory", f"its server took more memory than it may and was killed ({how}): {cure}", passes)
    last = str(ended.get("message", "")).strip().splitlines()
    look = f"see its log: kubectl -n {namespace(key)} logs deployment/{backend_name(key)} --previous"
    return Trouble("ServerFailed", f"its server ends ({how}): {last[-1] if last else look}", passes)
