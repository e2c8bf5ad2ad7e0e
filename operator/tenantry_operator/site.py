"""The settings of a cluster's operator as the values that plans and drivers take."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic import SecretStr
from sqlalchemy import make_url

from tenantry_operator.errors import OperatorError
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
        database_authority=_authority(str(url.query.get("sslrootcert", ""))),
        admin_role=settings.workspace_admin_role,
        owns_namespaces=not settings.namespaces,
    )


def _authority(path: str) -> str:
    """Backends get a copy of it: they have no file of ours, but for the public authorities, which are in each image.
    Raises OperatorError.
    """
    if not path or path == "system" or path.startswith(_PUBLIC_AUTHORITIES):
        return ""
    try:
        return Path(path).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise OperatorError(f"sslrootcert of TENANTRY_PROVISION_URL cannot be read: {path}: {error}") from error


def storage_of(settings: ClusterSettings) -> StorageSettings:
    secret: SecretStr = settings.storage_secret_key
    return StorageSettings(
        endpoint=settings.storage_endpoint or None,
        region=settings.storage_region,
        iam_endpoint=settings.storage_iam_endpoint or None,
        access_key=settings.storage_access_key or None,
        secret_key=secret if secret.get_secret_value() else None,
    )
