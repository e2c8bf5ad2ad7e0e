"""What a storage refuses, in words that say what to do next. None of them holds a secret."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from ssl import SSLCertVerificationError
from typing import Any, Final
from urllib.parse import urlsplit

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
)
from botocore.exceptions import (
    ConnectionError as NoConnection,
)

from tenantry_operator.errors import ProvisionFailed

__all__ = [
    "ARCHIVE_BUCKET",
    "AUTHORITY",
    "BUCKET",
    "ENDPOINT",
    "KEY",
    "REGION",
    "SECRET_KEY",
    "code_of",
    "distrust",
    "explained",
    "words_of",
]

# Settings, as those know them who installed with the chart, and those who set the environment.
ARCHIVE_BUCKET: Final = "storage.archiveBucket of the chart (TENANTRY_ARCHIVE_BUCKET)"
AUTHORITY: Final = "storage.caSecret of the chart (TENANTRY_STORAGE_CA_FILE)"
BUCKET: Final = "storage.bucket of the chart (TENANTRY_STORAGE_BUCKET)"
ENDPOINT: Final = "storage.endpoint of the chart (TENANTRY_STORAGE_ENDPOINT)"
KEY: Final = "storage.existingSecret of the chart (TENANTRY_STORAGE_ACCESS_KEY, TENANTRY_STORAGE_SECRET_KEY)"
REGION: Final = "storage.region of the chart (TENANTRY_STORAGE_REGION)"
SECRET_KEY: Final = "storage.existingSecret of the chart (TENANTRY_STORAGE_SECRET_KEY)"  # noqa: S105  where it stands

_UNKNOWN_KEY: Final = f"the storage does not know this key: check {KEY} and {ENDPOINT}"
_REGION: Final = f"the bucket is in another region: check {REGION}"
_CURES: Final = {
    "403": "the key may not do this: give the administrator's key the policy in docs/storage.md",
    "404": f"there is no such bucket: make it, or name another in {BUCKET}",
    "AccessDenied": "the key may not do this: give the administrator's key the policy in docs/storage.md",
    "AuthorizationHeaderMalformed": _REGION,
    "BucketAlreadyExists": f"another account has a bucket of this name: name one for all in {BUCKET}",
    "EntityAlreadyExists": "the storage is still making it known: this is tried again",
    "IllegalLocationConstraintException": _REGION,
    "InvalidAccessKeyId": _UNKNOWN_KEY,
    "InvalidBucketName": f"the storage takes no bucket of this name: name one for all in {BUCKET}",
    "InvalidClientTokenId": _UNKNOWN_KEY,
    "LimitExceeded": "the account has reached a limit: ask for a higher one, or delete users that nobody needs",
    "NoSuchBucket": f"there is no such bucket: make it, or name another in {BUCKET}",
    "NotImplemented": "the storage does not know this call: see the drivers in docs/storage.md",
    "PermanentRedirect": _REGION,
    "RequestTimeTooSkewed": "the clocks of the operator and the storage differ: set them by NTP",
    "SignatureDoesNotMatch": f"the secret is not this key's: check {SECRET_KEY}",
    "TooManyBuckets": f"the account has no room for more buckets: name one for all in {BUCKET}",
}
# OpenSSL's numbers for a certificate that nobody who is trusted has signed.
_UNVERIFIED: Final = frozenset({2, 18, 19, 20, 21})
_UNKNOWN_AUTHORITY: Final = f"put its authority's certificate into {AUTHORITY}"


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Turn what boto3 raises while `what` is done into ProvisionFailed."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise ProvisionFailed(f"{what}: {words_of(error)}") from error


def code_of(error: ClientError) -> str:
    """Return S3's name for what happened, like `NoSuchBucket`; the status where the answer has no body."""
    return str(error.response.get("Error", {}).get("Code", "?"))


def words_of(error: ClientError | BotoCoreError) -> str:
    if isinstance(error, ClientError):
        code, said = code_of(error), str(error.response.get("Error", {}).get("Message", ""))
        return f"{error.operation_name} answered {code}: {_CURES.get(code) or said[:200] or 'no reason given'}"
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return f"there is no key: set {KEY}"
    if isinstance(error, NoConnection | HTTPClientError):
        return distrust(error) or f"{_host(error.kwargs)} does not answer ({type(error).__name__}): check {ENDPOINT}"
    return f"{type(error).__name__}: check storage of the chart (TENANTRY_STORAGE_…)"


def distrust(error: BaseException | None) -> str:
    """Why the storage's certificate was refused, and what to do; empty where something else is the matter."""
    while error:
        if isinstance(error, SSLCertVerificationError):
            cure = _UNKNOWN_AUTHORITY if error.verify_code in _UNVERIFIED else "give the storage another one"
            return f"the storage's certificate is refused ({error.verify_message}): {cure}"
        error = error.__cause__ or error.__context__
    return ""


def _host(facts: dict[str, Any]) -> str:
    address = urlsplit(str(facts.get("endpoint_url") or ""))
    return f"{address.scheme}://{address.netloc}" if address.netloc else "the storage"
