"""What the operator is told by its environment. The only module that reads it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Final, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from tenantry_catalog.engine import check_url
from tenantry_operator.provision.bucket import StorageDriver

__all__ = ["ClusterSettings", "Settings", "on_one_machine"]

_HIGHEST_PORT: Final = 65535


def _database(value: SecretStr) -> SecretStr:
    check_url(value.get_secret_value())
    return value


def _peers(value: str) -> str:
    """Raises ValueError for what no NetworkPolicy could hold."""
    try:
        peers = json.loads(value or "[]")
    except ValueError:
        peers = None
    if not isinstance(peers, list) or not all(isinstance(peer, dict) for peer in peers):
        raise ValueError("must be a JSON list of NetworkPolicy peers, like [{'ipBlock': {'cidr': '10.0.0.0/8'}}]")
    return json.dumps(peers)


def _ports(value: object) -> object:
    """Raises ValueError for what no NetworkPolicy could hold."""
    ports = _split(value) if isinstance(value, str) else ()
    if not all(port.isdecimal() and 0 < int(port) <= _HIGHEST_PORT for port in ports):
        raise ValueError("must be ports with commas between, like 5432,6432")
    return tuple(map(int, ports))


_DatabaseUrl = Annotated[SecretStr, AfterValidator(_database)]
_Peers = Annotated[str, AfterValidator(_peers)]
_Ports = Annotated[tuple[int, ...], NoDecode, BeforeValidator(_ports)]
_Words = Annotated[str, NoDecode]


class _Common(BaseSettings):
    """`TENANTRY_` and the field's name in capitals."""

    model_config = SettingsConfigDict(env_prefix="TENANTRY_", frozen=True, extra="ignore")

    # Of the catalog, as its role `operator`.
    catalog_url: _DatabaseUrl
    # Of the PostgreSQL that gets the projects' databases, as a role that may create databases and roles.
    provision_url: _DatabaseUrl


class Settings(_Common):
    """Of the operator of one machine."""

    # Manifests: every *.yaml and *.yml below it.
    source_directory: Path
    # Passwords (0600), artifacts, and the last good version of each manifest. Losing it loses artifacts.
    state_directory: Path


class ClusterSettings(_Common):
    """Of the operator of a cluster."""

    # The operator's own namespace, pod, and what sets this installation apart from another on the same cluster.
    namespace: str
    pod: str
    installation: str
    # Namespaces of workspaces, with commas between; empty: all of the cluster, and the operator makes them.
    watch_namespaces: _Words = ""
    backend_image: str
    backend_image_pull_policy: str = "IfNotPresent"
    image_pull_secrets: _Words = ""
    # What people type before `/w/<workspace>/p/<project>`.
    public_url: str = ""
    # The ClusterRole that a workspace's admins get in its namespace; empty: none.
    workspace_admin_role: str = ""
    # Of the health and metrics pages.
    listen: str = "0.0.0.0:8081"  # noqa: S104  a pod's own address is not known before
    storage_driver: StorageDriver
    # Empty: AWS.
    storage_endpoint: str = ""
    storage_iam_endpoint: str = ""
    storage_region: str = "us-east-1"
    # Projects get a prefix each in this bucket; empty: a bucket each.
    storage_bucket: str = ""
    storage_access_key: str = ""
    storage_secret_key: SecretStr = SecretStr("")
    # PEM of the authorities that its certificate is from; empty: public ones.
    storage_ca_file: str = ""
    # Where archives go; empty: nowhere, and deletionPolicy Archive keeps the data.
    archive_bucket: str = ""
    # Where backends may go to reach their database, their bucket and DNS; an empty list: anywhere, at those ports.
    database_peers: _Peers = "[]"
    storage_peers: _Peers = "[]"
    dns_peers: _Peers = "[]"
    # Of the pods behind a Service, where there is one; empty: the port of the address, and 53.
    database_ports: _Ports = ()
    storage_ports: _Ports = ()
    dns_ports: _Ports = ()
    # Calls to the API server in a second.
    kubernetes_qps: float = Field(default=200, gt=0)
    # Days after which a project gets new credentials; 0: never.
    rotation_days: int = Field(default=90, ge=0)
    # Seconds between the deletion of a Project with deletionPolicy Delete and the deletion of its data.
    deletion_grace: float = Field(default=60, ge=0)

    @model_validator(mode="after")
    def _key_is_whole(self) -> Self:
        if bool(self.storage_access_key) != bool(self.storage_secret_key.get_secret_value()):
            raise ValueError("storage_access_key and storage_secret_key go together: give both, or neither")
        return self

    @property
    def namespaces(self) -> tuple[str, ...]:
        return _split(self.watch_namespaces)

    @property
    def pull_secrets(self) -> tuple[str, ...]:
        return _split(self.image_pull_secrets)

    @property
    def storage_port(self) -> int:
        parts = urlsplit(self.storage_endpoint or "https://s3.amazonaws.com")
        return parts.port or (80 if parts.scheme == "http" else 443)


def on_one_machine() -> bool:
    """Say whether manifests come from a directory; else they come from the API server."""
    return "TENANTRY_SOURCE_DIRECTORY" in os.environ


def _split(words: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in words.split(",") if word.strip())
