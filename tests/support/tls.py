"""A certificate authority for an hour, and a PostgreSQL that takes nothing but TLS."""

from __future__ import annotations

import ipaddress
import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tenantry_api.up.postgres import Postgres, PostgresMissing
from tests.support.postgres import PostgresServer
from tests.support.requirement import missing

__all__ = ["Authority", "Pair", "TlsServer", "tls_server"]

_HBA = """
hostssl all certified 127.0.0.1/32 cert
hostssl all all 127.0.0.1/32 scram-sha-256
"""


@dataclass(frozen=True)
class Pair:
    certificate: Path
    key: Path


class Authority:
    """Its own certificate is the file that clients trust."""

    def __init__(self, directory: Path, name: str) -> None:
        self._directory = directory
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = directory / f"{name}.crt"
        made = _builder(self._name, self._name, self._key.public_key(), authority=True).sign(self._key, hashes.SHA256())
        self.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        self.certificate.chmod(0o644)

    def issue(self, name: str) -> Pair:
        """A certificate for this name: a host's, an IP address, or a login role's."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = _builder(subject, self._name, key.public_key(), authority=False)
        builder = builder.add_extension(x509.SubjectAlternativeName([_general(name)]), critical=False)
        pair = Pair(self._directory / f"{name}.crt", self._directory / f"{name}.key")
        pair.certificate.write_bytes(builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        pair.certificate.chmod(0o644)
        pair.key.touch(0o600)
        pair.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return pair


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, *, authority: bool
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(issuer, subject, key, x509.random_serial_number(), now, now + timedelta(hours=1))
    return builder.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)


@dataclass(frozen=True)
class TlsServer:
    """Its certificate is for `localhost`, and for no other name of this machine."""

    server: PostgresServer
    authority: Authority
    stranger: Authority
    # The login role `certified` comes in with this and without a password.
    client: Pair


@contextmanager
def tls_server() -> Iterator[TlsServer]:
    home = Path(tempfile.mkdtemp(prefix="tenantry-tests-"))
    home.chmod(0o711)  # Root's server runs as somebody else, who has to get there.
    authority, stranger = Authority(home, "authority"), Authority(home, "stranger")
    own, hba = authority.issue("localhost"), home / "hba.conf"
    hba.write_text(_HBA)
    hba.chmod(0o644)
    _hand_over(own.key)
    settings = {
        "ssl": "on",
        "ssl_cert_file": f"{own.certificate}",
        "ssl_key_file": f"{own.key}",
        "ssl_ca_file": f"{authority.certificate}",
        "hba_file": f"{hba}",
        "shared_buffers": "32MB",
    }
    server = PostgresServer(Postgres(home / "postgres", settings=settings))
    try:
        server.start()
    except PostgresMissing as error:
        shutil.rmtree(home)
        missing("postgres", str(error))
    try:
        yield TlsServer(server, authority, stranger, authority.issue("certified"))
    finally:
        server.stop()
        shutil.rmtree(home)


def _hand_over(key: Path) -> None:
    """Root's server runs as the first of these, and reads no key but its own."""
    if os.geteuid() == 0:
        known = {entry.pw_name: entry for entry in pwd.getpwall()}
        owner = next(known[name] for name in ("postgres", "nobody") if name in known)
        os.chown(key, owner.pw_uid, owner.pw_gid)
