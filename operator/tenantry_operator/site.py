"""The settings of a cluster's operator as the values that plans and drivers take."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Final

from pydantic import SecretStr
from sqlalchemy import make_url

from tenantry_operator.errors import SettingWrong
from tenantry_operator.facts import Egress, Site
from tenantry_operator.provision.bucket import StorageSettings
from tenantry_operator.settings import ClusterSettings

__all__ = ["site_of", "storage_of"]

_POSTGRES_PORT: Final = 5432
_DNS_PORTS: Final = (53,)
_PUBLIC_AUTHORITIES: Final = "/etc/ssl/certs/"


def site_of(settings: ClusterSettings) -> Site:
    url = make_url(settings.provision_url.get_secret_value())
    return Site(
        installation=settings.installation,
        namespace=settings.namespace,
        image=settings.backend_image,
        database=Egress(settings.database_ports or (url.port or _POSTGRES_PORT,), settings.database_peers),
        storage=Egress(settings.storage_ports or (settings.storage_port,), settings.storage_peers),
        dns=Egress(settings.dns_ports or _DNS_PORTS, settings.dns_peers),
        pull_policy=settings.backend_image_pull_policy,
        pull_secrets=settings.pull_secrets,
        endpoint=settings.storage_endpoint,
        region=settings.storage_region,
        database_authority=_database_authority(str(url.query.get("sslrootcert", ""))),
        storage_authority=_authority(settings.storage_ca_file, "TENANTRY_STORAGE_CA_FILE"),
        admin_role=settings.workspace_admin_role,
        owns_namespaces=not settings.namespaces,
    )


def _database_authority(path: str) -> str:
    """Backends have no file of ours, but for the public authorities, which are in each image."""
    if path == "system" or path.startswith(_PUBLIC_AUTHORITIES):
        return ""
    return _authority(path, "TENANTRY_PROVISION_URL")


def _authority(path: str, setting: str) -> str:
    """Backends get a copy of it. Raises SettingWrong."""
    if not path:
        return ""
    try:
        ssl.create_default_context(cafile=path)
        return Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise SettingWrong(setting, f"{path} must be a file with a certificate in PEM: {error}") from error


def storage_of(settings: ClusterSettings) -> StorageSettings:
    secret: SecretStr = settings.storage_secret_key
    return StorageSettings(
        endpoint=settings.storage_endpoint or None,
        region=settings.storage_region,
        iam_endpoint=settings.storage_iam_endpoint or None,
        access_key=settings.storage_access_key or None,
        secret_key=secret if secret.get_secret_value() else None,
        authority=Path(settings.storage_ca_file) if settings.storage_ca_file else None,
    )
