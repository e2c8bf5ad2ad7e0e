"""Storages that take nothing but TLS, with a certificate that an authority of their own signed."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from functools import cached_property
from http.client import HTTPSConnection
from pathlib import Path

from tests.support.s3 import MinioServer, S3Server, VersityServer, answers
from tests.support.tls import Authority, Pair

__all__ = ["TlsMinioServer", "TlsVersityServer"]

_HOST = "127.0.0.1"


class _Tls(S3Server):
    """The certificate is for 127.0.0.1, and for no other name of this machine."""

    @property
    def endpoint(self) -> str:
        return f"https://{_HOST}:{self.port}"

    @cached_property
    def authority(self) -> Path:  # type: ignore[override]
        return self._authority.certificate

    @cached_property
    def own(self) -> Pair:
        return self._authority.issue(_HOST)

    @cached_property
    def _authority(self) -> Authority:
        return Authority(self.home, "authority")

    def _connection(self, port: int) -> HTTPSConnection:
        trust = ssl.create_default_context(cafile=str(self.authority))
        return HTTPSConnection(_HOST, port, timeout=1, context=trust)


class TlsVersityServer(_Tls, VersityServer):
    @property
    def iam_endpoint(self) -> str:
        return f"https://{_HOST}:{self.iam_port}"

    @property
    def commands(self) -> Iterator[tuple[str, tuple[str, ...], dict[str, str]]]:
        for name, arguments, environment in super().commands:
            yield name, ("--cert", str(self.own.certificate), "--key", str(self.own.key), *arguments), environment

    def is_up(self, name: str) -> bool:
        return answers(self._connection(self.port_of(name)))


class TlsMinioServer(_Tls, MinioServer):
    @property
    def commands(self) -> Iterator[tuple[str, tuple[str, ...], dict[str, str]]]:
        """It looks for files of these names."""
        folder = self.home / "certificates"
        folder.mkdir(exist_ok=True)
        (folder / "public.crt").write_bytes(self.own.certificate.read_bytes())
        (folder / "private.key").write_bytes(self.own.key.read_bytes())
        for name, arguments, environment in super().commands:
            yield name, (*arguments, "--certs-dir", str(folder)), environment

    def is_up(self, name: str) -> bool:  # noqa: ARG002  there is one
        return answers(self._connection(self.port), "/minio/health/ready")
