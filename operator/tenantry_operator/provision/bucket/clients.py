"""Clients of the storage. boto3's clients may be shared by threads; the session that makes them may not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from threading import Lock
from typing import Any, Final

import boto3
from botocore.config import Config

from tenantry_operator.errors import ProvisionFailed
from tenantry_operator.facts import BucketKey
from tenantry_operator.provision.bucket import StorageSettings
from tenantry_operator.provision.bucket.words import ENDPOINT

__all__ = ["Clients"]

# Seconds; and two attempts in all, since whoever called will call again.
_LIMITS: Final = {"connect_timeout": 5, "read_timeout": 10, "retries": {"mode": "standard", "total_max_attempts": 2}}
# More than the operator has reconcilers.
_CONNECTIONS: Final = 32


class Clients:
    """The administrator's, made when first asked for and kept; a project's, made in 15 ms for as long as its `with`."""

    def __init__(self, settings: StorageSettings) -> None:
        self._settings = settings
        self._session = boto3.session.Session()
        self._lock = Lock()

    @cached_property
    def s3(self) -> Any:
        return self._make("s3", self._settings.endpoint, self._administrator(), _CONNECTIONS)

    @cached_property
    def iam(self) -> Any:
        endpoint = self._settings.iam_endpoint or self._settings.endpoint
        return self._make("iam", endpoint, self._administrator(), _CONNECTIONS)

    @cached_property
    def partition(self) -> str:
        """The world of AWS that the region is in; other storages call theirs `aws` too."""
        with self._lock:
            return str(self._session.get_partition_for_region(self._settings.region))

    @contextmanager
    def project(self, key: BucketKey) -> Iterator[Any]:
        client = self._make("s3", self._settings.endpoint, key, 1)
        try:
            yield client
        finally:
            client.close()

    @property
    def _authority(self) -> str | None:
        """A file; None leaves it to boto3, which trusts the public ones."""
        return str(self._settings.authority) if self._settings.authority else None

    def _administrator(self) -> BucketKey | None:
        access_key, secret_key = self._settings.access_key, self._settings.secret_key
        return BucketKey(access_key, secret_key) if access_key and secret_key else None

    def _make(self, service: str, endpoint: str | None, key: BucketKey | None, connections: int) -> Any:
        config = Config(max_pool_connections=connections, **_LIMITS)
        if service == "s3":
            config = config.merge(_dialect(endpoint))
        with self._lock, _checked(endpoint):
            return self._session.client(
                service,
                endpoint_url=endpoint,
                region_name=self._settings.region,
                config=config,
                verify=self._authority,
                aws_access_key_id=key and key.access_key,
                aws_secret_access_key=key and key.secret_key.get_secret_value(),
            )


@contextmanager
def _checked(endpoint: str | None) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise ProvisionFailed(f"{endpoint!r} is no address: set {ENDPOINT} to https://host:port") from error


def _dialect(endpoint: str | None) -> Config:
    """Other storages than AWS know buckets by path, and not all of them its newer checksums."""
    if endpoint is None:
        return Config(signature_version="s3v4")
    return Config(
        signature_version="s3v4",
        s3={"addressing_style": "path"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
