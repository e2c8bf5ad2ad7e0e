"""PostgreSQL, S3 and an OIDC provider in the cluster: what an installation finds there. e2e/manifests has them."""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3
import psycopg
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from psycopg import sql

from tests.support.cluster import Cluster
from tests.support.oidc import USERS
from tests.support.wait import until

__all__ = ["MANIFESTS", "NAMESPACE", "PUBLIC_URL", "Services", "secret", "start_services"]

NAMESPACE = "services"
MANIFESTS = Path(__file__).parents[1] / "e2e" / "manifests"
# Addresses that the manifests fix, so that they mean the same in a pod and outside.
PUBLIC_URL = "http://10.96.0.80"
# In a pod; outside, where these names mean nothing, their addresses.
_S3_URL, _S3_IAM_URL = "http://s3.services.svc:7070", "http://s3.services.svc:7071"
_OUTSIDE = {"s3.services.svc": "10.96.0.60", "postgresql.services.svc": "10.96.0.50"}
_POSTGRES = "postgresql.services.svc"
# In the pods of the installation.
CA_FILE = "/etc/tenantry/postgres/ca.crt"
_ROLES = ("owner", "operator", "api", "provision")


@dataclass(frozen=True)
class Services:
    """Their secrets, and how a test looks into them from outside. `home` holds PostgreSQL's authority, ca.crt."""

    home: Path
    # Of each role of PostgreSQL, and of the administrator of S3.
    passwords: dict[str, str] = field(repr=False)

    @property
    def s3_key(self) -> tuple[str, str]:
        return "administrator", self.passwords["s3"]

    def url(self, role: str, database: str) -> str:
        """As a pod of the installation reaches PostgreSQL."""
        signed = quote(self.passwords[role], safe="")
        return (
            f"postgresql://tenantry_{role}:{signed}@{_POSTGRES}:5432/{database}"
            f"?sslmode=verify-full&sslrootcert={CA_FILE}"
        )

    def sql(self, statement: str, *values: object, database: str = "tenantry") -> list[tuple[Any, ...]]:
        """As the superuser, from outside, TLS verified there too. Raises psycopg.Error."""
        with self.connect(database) as connection:
            cursor = connection.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def connect(
        self, database: str, user: str = "postgres", password: str | None = None
    ) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(
            host=_POSTGRES,
            hostaddr=_OUTSIDE[_POSTGRES],
            user=user,
            password=password or self.passwords["superuser"],
            dbname=database,
            sslmode="verify-full",
            sslrootcert=str(self.home / "ca.crt"),
            connect_timeout=5,
            autocommit=True,
        )

    def client(self, service: str = "s3", key: tuple[str, str] | None = None) -> Any:
        """boto3's client for `s3` or `iam`, with the administrator's key or another."""
        access, signed = key or self.s3_key
        inside = {"s3": _S3_URL, "iam": _S3_IAM_URL}[service]
        url = inside.replace("s3.services.svc", _OUTSIDE["s3.services.svc"])
        return boto3.client(
            service,
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id=access,
            aws_secret_access_key=signed,
        )


def start_services(cluster: Cluster) -> Services:
    """All three, ready, with a catalog's database whose owner may make roles. Those of a node that stays are kept."""
    services = Services(cluster.home / "services", _kept_passwords(cluster.home / "services"))
    if cluster.find("namespace", NAMESPACE) is None:
        _make(cluster, services)
    for part in ("statefulset/postgresql", "statefulset/s3", "deployment/oidc"):
        cluster.rolled_out(part, NAMESPACE)
    until(lambda: _answers(services), deadline=30, what="PostgreSQL")
    if not services.sql("SELECT 1 FROM pg_database WHERE datname = 'tenantry'", database="postgres"):
        _prepare(services)
    return services


def _kept_passwords(home: Path) -> dict[str, str]:
    home.mkdir(exist_ok=True)
    kept = home / "passwords.json"
    if not kept.exists():
        kept.write_text(json.dumps({it: secrets.token_urlsafe(18) for it in (*_ROLES, "superuser", "s3")}))
    passwords: dict[str, str] = json.loads(kept.read_text())
    return passwords


def _make(cluster: Cluster, services: Services) -> None:
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    certificate, key = _certificate(services.home / "ca.crt")
    postgres = {"password": services.passwords["superuser"], "tls.crt": certificate, "tls.key": key}
    access, signed = services.s3_key
    provider = {"users.yaml": USERS, "provider.py": (MANIFESTS / "provider.py").read_text()}
    cluster.apply(
        secret("postgresql", NAMESPACE, **postgres),
        secret("s3", NAMESPACE, ROOT_ACCESS_KEY=access, ROOT_SECRET_KEY=signed),
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "oidc", "namespace": NAMESPACE},
            "data": provider,
        },
        *((MANIFESTS / f"{name}.yaml").read_text() for name in ("postgresql", "s3", "oidc")),
    )


def secret(name: str, namespace: str, **data: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "stringData": data,
    }


def _answers(services: Services) -> bool:
    try:
        return services.sql("SELECT 1", database="postgres") == [(1,)]
    except psycopg.OperationalError:
        return False


def _prepare(services: Services) -> None:
    """What the documentation asks a database administrator for."""
    rights = {"owner": "CREATEROLE", "provision": "CREATEDB CREATEROLE"}
    with services.connect("postgres") as connection:
        for role, may in rights.items():
            make = sql.SQL("CREATE ROLE {} LOGIN {} PASSWORD {}")
            password = sql.Literal(services.passwords[role])
            connection.execute(make.format(sql.Identifier(f"tenantry_{role}"), sql.SQL(may), password))
        connection.execute("CREATE DATABASE tenantry OWNER tenantry_owner")
        connection.execute("CREATE DATABASE tenantry_provision OWNER tenantry_provision")
        connection.execute("REVOKE ALL ON DATABASE tenantry_provision FROM PUBLIC")


def _certificate(authority_file: Path) -> tuple[str, str]:
    """PostgreSQL's certificate and key, signed by an authority that is written to `authority_file`."""
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tests of Tenantry")])
    is_authority = x509.BasicConstraints(ca=True, path_length=0)
    signed = _builder(authority, authority, authority_key.public_key()).add_extension(is_authority, critical=True)
    authority_file.write_bytes(signed.sign(authority_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, _POSTGRES)])
    names = x509.SubjectAlternativeName(
        [x509.DNSName(_POSTGRES), x509.IPAddress(ipaddress.ip_address(_OUTSIDE[_POSTGRES]))]
    )
    issued = _builder(subject, authority, key.public_key()).add_extension(names, critical=False)
    certificate = issued.sign(authority_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    written = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.decode(), written.decode()


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(days=7))
    )
