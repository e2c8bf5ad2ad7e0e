"""A SecretStore in Secrets of the operator's own namespace, where no tenant has any right."""

from __future__ import annotations

import re
from base64 import b64decode
from threading import Lock
from typing import Final

from pydantic import SecretStr

from tenantry_operator.facts import Site
from tenantry_operator.plan.objects.metadata import common_labels
from tenantry_operator.plan.objects.pod import encoded
from tenantry_operator.runtime.kubernetes.client import Client
from tenantry_operator.runtime.kubernetes.kinds import Ref

__all__ = ["ClusterSecrets", "secret_name"]

_COMPONENT: Final = "credential"
_KEY: Final = "value"


class ClusterSecrets:
    """Reads all of them once; from then on it alone writes. Thread-safe."""

    def __init__(self, client: Client, site: Site) -> None:
        self._client, self._site = client, site
        self._lock = Lock()
        self._known: dict[str, SecretStr] = {}

    def load(self) -> None:
        selected = ",".join(f"{name}={value}" for name, value in self._labels().items())
        found = {}
        for _, documents in self._client.pages("Secret", self._site.namespace, selected):
            for document in documents:
                value = b64decode(document.get("data", {}).get(_KEY, ""))
                found[document["metadata"]["name"]] = SecretStr(value.decode())
        with self._lock:
            self._known = found

    def read(self, name: str) -> SecretStr | None:
        with self._lock:
            return self._known.get(self._name(name))

    def write(self, name: str, value: SecretStr) -> None:
        """Durable when it returns."""
        self._client.apply(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {
                    "name": self._name(name),
                    "namespace": self._site.namespace,
                    "labels": self._labels(),
                },
                "type": "Opaque",
                "data": encoded({_KEY: value.get_secret_value()}),
            }
        )
        with self._lock:
            self._known[self._name(name)] = value

    def remove(self, name: str) -> None:
        self._client.delete(Ref("Secret", self._site.namespace, self._name(name)))
        with self._lock:
            self._known.pop(self._name(name), None)

    def _name(self, name: str) -> str:
        return secret_name(self._site.installation, name)

    def _labels(self) -> dict[str, str]:
        return common_labels(_COMPONENT, self._site)


def secret_name(installation: str, name: str) -> str:
    """Return what the Secret is called that a secret is kept in. No underscore is in a Secret's name, and no dot in a
    project's: what stands for it is unique. A long name that was cut may end with a hyphen, which no part of a Secret's
    name does; the hash behind it tells it apart.
    """
    return f"{installation}.{re.sub('-*[_~]', '.', name)}"
