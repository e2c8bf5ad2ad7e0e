"""What all pods that are made here have in common: the restricted level of pod security, and settings in files.

https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from pydantic import SecretStr

from tenantry_operator.facts import Site
from tenantry_operator.plan.objects.metadata import Manifest

__all__ = ["SCRATCH", "container", "database_url", "encoded", "pod", "with_authority"]

SCRATCH: Final = "/tmp"  # noqa: S108  a volume of the pod's own
_AUTHORITY: Final = "ca.crt"
_FILES: Final = "settings"


def pod(site: Site, secret: str, only: Manifest, **fields: object) -> Manifest:
    """Return the spec of a pod with one container, `only`, and the files of a Secret."""
    made: Manifest = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [only],
        "volumes": [
            # Readable for whichever user the pod runs as: no other container sees this volume.
            {"name": _FILES, "secret": {"secretName": secret, "defaultMode": 0o444}},
            {"name": "scratch", "emptyDir": {}},
        ],
        **fields,
    }
    if site.pull_secrets:
        made["imagePullSecrets"] = [{"name": name} for name in site.pull_secrets]
    return made


def container(site: Site, name: str, module: str, files: str, **fields: object) -> Manifest:
    """Return a container of the backend's image that runs a Python module, with the Secret's files at `files`."""
    return {
        "name": name,
        "image": site.image,
        "imagePullPolicy": site.pull_policy,
        "command": ["python", "-m", module],
        # What a program says last is why it does not start: a condition shows it.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [
            {"name": _FILES, "mountPath": files, "readOnly": True},
            {"name": "scratch", "mountPath": SCRATCH},
        ],
        **fields,
    }


def database_url(url: SecretStr, site: Site, files: str) -> str:
    """The operator's own path of the authority's certificate means nothing in a pod: say the pod's, if there is one."""
    parts = urlsplit(url.get_secret_value())
    query = dict(parse_qsl(parts.query))
    if site.database_authority:
        query["sslrootcert"] = f"{files}/{_AUTHORITY}"
    return parts._replace(query=urlencode(query, safe="/")).geturl()


def with_authority(files: Mapping[str, str], site: Site) -> dict[str, str]:
    """Put the authority that `database_url` names beside the other files of the Secret."""
    return dict(files) | ({_AUTHORITY: site.database_authority} if site.database_authority else {})


def encoded(files: Mapping[str, str]) -> dict[str, str]:
    """Return the data of a Secret."""
    return {name: b64encode(text.encode()).decode() for name, text in files.items()}
