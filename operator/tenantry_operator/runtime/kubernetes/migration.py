"""The MLflow schema on a cluster: a Job with the backend's own image, since the operator's has no MLflow in it."""

from __future__ import annotations

import secrets
import time
from typing import Final

from pydantic import SecretStr

from tenantry_operator.errors import ProvisionFailed
from tenantry_operator.facts import Site
from tenantry_operator.plan.objects.metadata import OF_THE_INSTALLATION, common_labels
from tenantry_operator.plan.objects.pod import SCRATCH, container, database_url, encoded, pod, with_authority
from tenantry_operator.runtime.kubernetes.client import Client, Document
from tenantry_operator.runtime.kubernetes.kinds import Ref

__all__ = ["JobMigration"]

_SECONDS: Final = 300
_LOOK: Final = 0.5
_FILES: Final = "/etc/tenantry/migration"
# What a Job that nobody waits for any more leaves behind is gone after this long.
_TTL: Final = 600


class JobMigration:
    """Called with the URL of an empty database; returns when it has the schema. Raises ProvisionFailed."""

    def __init__(self, client: Client, site: Site) -> None:
        self._client, self._site = client, site

    def __call__(self, url: SecretStr) -> None:
        name = f"tenantry-schema-{secrets.token_hex(4)}"
        secret, job = Ref("Secret", self._site.namespace, name), Ref("Job", self._site.namespace, name)
        try:
            self._client.create(self._secret(name, url))
            self._client.create(self._job(name))
            self._wait(job)
        finally:
            self._client.delete(job)
            self._client.delete(secret)

    def _wait(self, ref: Ref) -> None:
        end = time.monotonic() + _SECONDS
        while time.monotonic() < end:
            job = self._client.get(ref)
            status = job.get("status", {}) if job else {}
            if status.get("succeeded"):
                return
            if status.get("failed"):
                raise ProvisionFailed(f"the MLflow schema could not be made: {self._last_words(ref.name)}")
            time.sleep(_LOOK)
        raise ProvisionFailed(f"the MLflow schema was not made in {_SECONDS} s: {self._last_words(ref.name)}")

    def _last_words(self, name: str) -> str:
        for _, pods in self._client.pages("Pod", self._site.namespace, f"batch.kubernetes.io/job-name={name}"):
            for found in pods:
                for one in found.get("status", {}).get("containerStatuses", ()):
                    state = one["state"]
                    ended = state.get("terminated") or state.get("waiting") or {}
                    words = str(ended.get("message") or ended.get("reason") or "").strip().splitlines()
                    if words:
                        return words[-1][:300]
        return "see the events of the operator's namespace"

    def _metadata(self, name: str) -> Document:
        labels = {OF_THE_INSTALLATION: self._site.installation} | common_labels("schema", self._site)
        return {"name": name, "namespace": self._site.namespace, "labels": labels}

    def _secret(self, name: str, url: SecretStr) -> Document:
        files = with_authority({"url": database_url(url, self._site, _FILES)}, self._site)
        metadata = self._metadata(name)
        return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": encoded(files)}

    def _job(self, name: str) -> Document:
        metadata = self._metadata(name)
        spec = {
            "backoffLimit": 0,
            "ttlSecondsAfterFinished": _TTL,
            "activeDeadlineSeconds": _SECONDS,
            "template": {
                "metadata": {"labels": metadata["labels"]},
                "spec": pod(self._site, name, self._container(), restartPolicy="Never"),
            },
        }
        return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}

    def _container(self) -> Document:
        return container(
            self._site,
            "migrate",
            "tenantry_backend.migrate",
            _FILES,
            env=[
                {"name": "TENANTRY_BACKEND_DATABASE_URL_FILE", "value": f"{_FILES}/url"},
                {"name": "HOME", "value": SCRATCH},
            ],
            resources={"requests": {"cpu": "100m", "memory": "320Mi"}, "limits": {"memory": "1Gi"}},
        )
