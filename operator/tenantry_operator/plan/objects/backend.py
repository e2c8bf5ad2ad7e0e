"""What a project's backend becomes on a cluster: one pod behind a Service, that nobody else can reach or be."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Final

from pydantic import SecretStr

from tenantry_crds.meta import GROUP
from tenantry_crds.project import Size
from tenantry_operator.facts import BucketPlan, ServerPlan, Site
from tenantry_operator.plan.objects.metadata import Manifest, backend_name, labels, manifest, namespace, selector
from tenantry_operator.plan.objects.network import PORT, network_policy
from tenantry_operator.plan.objects.pod import SCRATCH, container, database_url, encoded, pod, with_authority

__all__ = ["SETTINGS", "address", "backend_objects"]

# The annotation of a pod that says which settings it was made with.
SETTINGS: Final = f"{GROUP}/settings"
_PORT: Final = 8080
_SETTINGS: Final = "/etc/tenantry/backend"
_STORAGE_AUTHORITY: Final = "storage-ca.crt"
# Seconds that requests in flight have, and with the lame duck before and a margin the pod's own limit.
_GRACE: Final = 20
_TERMINATION: Final = 40

# MLflow takes some 250 MB at rest and as much again for a large request.
_RESOURCES: Final[Mapping[Size, tuple[str, str, str]]] = {
    Size.SMALL: ("100m", "320Mi", "1Gi"),
    Size.MEDIUM: ("500m", "768Mi", "2Gi"),
    Size.LARGE: ("1", "1536Mi", "4Gi"),
}


def backend_objects(plan: ServerPlan, secret: SecretStr, site: Site) -> tuple[Manifest, ...]:
    """`secret` is what the guard asks for. The Deployment comes last: what its pods need is there before."""
    settings = _settings(plan, secret, site)
    return (
        _service_account(plan, site),
        network_policy(plan.key, site),
        manifest("v1", "Secret", backend_name(plan.key), plan.key, site, type="Opaque", data=encoded(settings)),
        _service(plan, site),
        _deployment(plan, site, _digest(settings)),
    )


def address(plan: ServerPlan) -> str:
    """Return where the door reaches the backend: the same however often its pod is replaced."""
    return f"http://{backend_name(plan.key)}.{namespace(plan.key)}.svc:{_PORT}"


def _service_account(plan: ServerPlan, site: Site) -> Manifest:
    made = manifest("v1", "ServiceAccount", backend_name(plan.key), plan.key, site, automountServiceAccountToken=False)
    if plan.identity:
        made["metadata"]["annotations"] = dict(plan.identity)
    return made


def _service(plan: ServerPlan, site: Site) -> Manifest:
    port = {"name": PORT, "port": _PORT, "protocol": "TCP", "targetPort": PORT}
    spec = {"type": "ClusterIP", "selector": selector(plan.key), "ports": [port]}
    return manifest("v1", "Service", backend_name(plan.key), plan.key, site, spec=spec)


def _deployment(plan: ServerPlan, site: Site, digest: str) -> Manifest:
    """Without `replicas`: they are set by waking and hibernating, or by somebody's autoscaler."""
    template = {
        "metadata": {
            "labels": labels(plan.key, site),
            # Another database password or key is another pod.
            "annotations": {SETTINGS: digest},
        },
        "spec": _pod(plan, site),
    }
    spec = {
        "selector": {"matchLabels": selector(plan.key)},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
        "revisionHistoryLimit": 1,
        "progressDeadlineSeconds": 300,
        "template": template,
    }
    return manifest("apps/v1", "Deployment", backend_name(plan.key), plan.key, site, spec=spec)


def _pod(plan: ServerPlan, site: Site) -> Manifest:
    name = backend_name(plan.key)
    return pod(site, name, _container(plan, site), serviceAccountName=name, terminationGracePeriodSeconds=_TERMINATION)


def _container(plan: ServerPlan, site: Site) -> Manifest:
    cpu, memory, most = _RESOURCES[plan.size]
    listens = {"tcpSocket": {"port": PORT}}
    return container(
        site,
        "mlflow",
        "tenantry_backend.pod",
        _SETTINGS,
        ports=[{"name": PORT, "containerPort": _PORT, "protocol": "TCP"}],
        resources={"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": most}},
        # It listens once its database and its stores are open, not before.
        startupProbe=listens | {"periodSeconds": 1, "failureThreshold": 120},
        readinessProbe=listens | {"periodSeconds": 5},
        livenessProbe=listens | {"periodSeconds": 20, "failureThreshold": 6},
    )


def _settings(plan: ServerPlan, secret: SecretStr, site: Site) -> dict[str, str]:
    """Return the files of the Secret: what `tenantry_backend.settings` reads, and whom the backend shall trust."""
    if not isinstance(plan.artifacts, BucketPlan):
        raise TypeError("a pod keeps its artifacts in a bucket, not in a directory")
    key = plan.bucket_key
    settings = {
        "database_url": database_url(plan.database_url, site, _SETTINGS),
        "artifact_uri": plan.artifacts.location,
        "s3": {
            "endpoint": site.endpoint or None,
            "region": site.region,
            "access_key": key.access_key if key else None,
            "secret_key": key.secret_key.get_secret_value() if key else None,
            "ca_file": f"{_SETTINGS}/{_STORAGE_AUTHORITY}" if site.storage_authority else None,
        },
        "scratch_directory": f"{SCRATCH}/backend",
        "secret": secret.get_secret_value(),
        "grace": _GRACE,
        "uid": None,
    }
    files = {"settings.json": json.dumps(settings, sort_keys=True)}
    if site.storage_authority:
        files[_STORAGE_AUTHORITY] = site.storage_authority
    return with_authority(files, site)


def _digest(files: Mapping[str, str]) -> str:
    return sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()[:32]
