"""Tries a project's key: on its own place, where all must succeed, and outside of it, where all must be refused."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from tenantry_operator.facts import BucketKey, BucketPlan, Probe
from tenantry_operator.provision.bucket.buckets import Buckets
from tenantry_operator.provision.bucket.clients import Clients
from tenantry_operator.provision.bucket.words import code_of, words_of

__all__ = ["confined", "patiently", "stores"]

_NAME: Final = ".tenantry-probe"
_BODY: Final = b"probe"
_STEP: Final = 0.25
_TURNS: Final = 4
# What a storage says of a key, or of a policy, that has not come to it yet.
_NOT_YET: Final = frozenset({"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"})

_REFUSED: Final = Probe(True, "Refused", "the project's key is refused outside of its own place in the storage")


class _NotYet(Exception):
    """It may be that the key is too new; the probe is what is to be said when it is not."""

    def __init__(self, probe: Probe) -> None:
        super().__init__(probe.message)
        self.probe = probe


def patiently(attempt: Callable[[], Probe], seconds: float) -> Probe:
    """Repeat it for as long as the storage may not know the key yet."""
    end = time.monotonic() + seconds
    while True:
        try:
            return attempt()
        except _NotYet as error:
            if time.monotonic() > end:
                return error.probe
        time.sleep(_STEP)


def stores(clients: Clients, plan: BucketPlan, key: BucketKey | None) -> Probe:
    """Write, read and delete an object. Where pods have an identity of their own, the administrator stands in."""
    name, place = f"{plan.prefix}{_NAME}", f"s3://{plan.bucket}/{plan.prefix}"
    try:
        with _client(clients, key) as client:
            written = _undisturbed(client.put_object, Bucket=plan.bucket, Key=name, Body=_BODY)
            same = client.get_object(Bucket=plan.bucket, Key=name)["Body"].read() == _BODY
            deleted = client.delete_object(Bucket=plan.bucket, Key=name)
    except (ClientError, BotoCoreError) as error:
        probe = Probe(False, "NotWritable", f"{place} cannot be written, read and cleaned: {_words(error)}")
        if _is_not_yet(error):
            raise _NotYet(probe) from error
        return probe
    if not plan.given_secret:
        _forget(clients, plan.bucket, name, written, deleted)
    if not same:
        return Probe(False, "NotWritable", f"{place} gives back something else than was written")
    return Probe(
        True, "Stored", f"an object was written, read and deleted as {'the project' if key else 'the operator'}"
    )


def _undisturbed(call: Callable[..., Any], **arguments: Any) -> Any:
    """Where it meets somebody else's write, S3 answers 409 and asks to try again; a gateway in front of a file system
    does when a neighbour's last object takes the folder above both away.
    """
    for _ in range(_TURNS):
        try:
            return call(**arguments)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != HTTPStatus.CONFLICT:
                raise
            time.sleep(_STEP)
    return call(**arguments)


def confined(clients: Clients, buckets: Buckets, plan: BucketPlan, key: BucketKey | None) -> Probe:
    """List and write beside the project's prefix, or in a neighbour's bucket."""
    if key is None:
        return Probe(True, "NotTried", "the pod's own identity opens the bucket; the operator cannot try it")
    bucket = plan.bucket if plan.prefix else buckets.neighbour(plan)
    if bucket is None:
        return Probe(True, "NotTried", "there is no other bucket to try")
    with _client(clients, key) as client:
        for what, call in _trespasses(client, bucket, plan.prefix):
            if problem := _problem(what, call):
                return problem
    return _REFUSED


def _trespasses(client: Any, bucket: str, prefix: str) -> Iterator[tuple[str, Callable[[], object]]]:
    """Reads come first: nothing is written where they show that the key is too strong."""
    parent, _, own = prefix.rstrip("/").rpartition("/")
    beside = f"{parent}/{own}-beside/".lstrip("/") if prefix else ""
    for start in sorted({"", parent and f"{parent}/", beside}):
        yield f"list s3://{bucket}/{start}", partial(client.list_objects_v2, Bucket=bucket, Prefix=start, MaxKeys=1)
    yield f"write s3://{bucket}/{beside}{_NAME}", partial(_write, client, bucket, f"{beside}{_NAME}")


def _write(client: Any, bucket: str, name: str) -> None:
    client.put_object(Bucket=bucket, Key=name, Body=_BODY)
    client.delete_object(Bucket=bucket, Key=name)


def _problem(what: str, call: Callable[[], object]) -> Probe | None:
    try:
        call()
    except ClientError as error:
        if code_of(error) == "AccessDenied":
            return None
        probe = Probe(False, "NotTried", f"to {what} must be refused, and could not be tried: {_words(error)}")
        if _is_not_yet(error):
            raise _NotYet(probe) from error
        return probe
    except BotoCoreError as error:
        return Probe(False, "NotTried", f"to {what} must be refused, and could not be tried: {_words(error)}")
    cure = "limit the key to the project's own place, as docs/storage.md shows"
    return Probe(False, "StorageOpen", f"the project's key may {what}: {cure}")


def _forget(clients: Clients, bucket: str, name: str, *answers: dict[str, Any]) -> None:
    """Where the storage keeps versions, the probe's would pile up: the project itself may not delete those."""
    versions = [{"Key": name, "VersionId": answer["VersionId"]} for answer in answers if "VersionId" in answer]
    if versions:
        clients.s3.delete_objects(Bucket=bucket, Delete={"Objects": versions, "Quiet": True})


@contextmanager
def _client(clients: Clients, key: BucketKey | None) -> Iterator[Any]:
    if key is None:
        yield clients.s3
    else:
        with clients.project(key) as client:
            yield client


def _is_not_yet(error: ClientError | BotoCoreError) -> bool:
    return isinstance(error, ClientError) and code_of(error) in _NOT_YET


def _words(error: ClientError | BotoCoreError) -> str:
    """What the storage said of a project's key; the cures of `words_of` are for the administrator's."""
    if isinstance(error, ClientError) and code_of(error) in _NOT_YET:
        return f"{error.operation_name} answered {code_of(error)}; a key that is new takes some seconds to be known"
    return words_of(error)
