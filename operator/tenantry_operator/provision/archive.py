"""What deletionPolicy Archive leaves: a project's database and artifacts in the archive bucket, with a manifest.

All lies below `archive/<workspace>/<project>/<time>/`. The manifest is written last: where there is one, the archive is
whole and is not touched again; where there is none, what a kill left is written over. Nothing is ever deleted, so that
the bucket may forbid it. Each object is read back before it counts. Objects of any size pass in parts of 16 MiB.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from tempfile import TemporaryFile
from typing import Any, Final

from boto3.s3.transfer import TransferConfig
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import SecretStr

from tenantry_operator.errors import OperatorStopping, ProvisionFailed
from tenantry_operator.facts import BucketKey, BucketPlan, ProjectKey
from tenantry_operator.provision.bucket import StorageSettings
from tenantry_operator.provision.bucket.clients import Clients
from tenantry_operator.provision.bucket.words import ARCHIVE_BUCKET, code_of, explained
from tenantry_operator.provision.dump import Snapshot, snapshot
from tenantry_operator.provision.stream import Stream

__all__ = ["Archive", "ArchiveSource", "Archived"]

_FORMAT: Final = 1
_MANIFEST: Final = "manifest.json"
_LISTING: Final = "artifacts.jsonl.gz"
_MIB: Final = 1 << 20
# S3 takes an object in 10,000 parts. One is in memory at a time, since threads would hold ten.
_PART: Final = 16 * _MIB
_MOST_PARTS: Final = 9_000
_ATTEMPTS: Final = 3


@dataclass(frozen=True, slots=True)
class ArchiveSource:
    """What is archived, and how it is read. Nobody may be writing there: the server must be stopped."""

    key: ProjectKey
    mlflow_version: str
    database_url: SecretStr
    artifacts: BucketPlan
    # As `Artifacts.reader` gave it: None reads as the administrator, who can read anything.
    artifact_key: BucketKey | None
    # Why the artifacts are not the project's: they are then left alone.
    left: str = ""


@dataclass(frozen=True, slots=True)
class Archived:
    """A whole archive."""

    # `s3://bucket/archive/vision/segmentation/20261125T050000Z/`
    location: str
    tables: int
    artifacts: int
    # Of the artifacts.
    bytes: int


class Archive:
    """Archives of all projects. `stopping` is asked between two parts, and ends what is under way."""

    def __init__(self, storage: StorageSettings, bucket: str, stopping: Callable[[], bool] = lambda: False) -> None:
        self._clients = Clients(storage)
        self._bucket = bucket
        self._stopping = stopping

    def whole(self, key: ProjectKey, at: datetime) -> bool:
        """Say whether `make` returned before for a removal of this time."""
        folder = _folder(key, at)
        with explained(f"the archive s3://{self._bucket}/{folder}"):
            return self._read_manifest(folder) is not None

    def make(self, source: ArchiveSource, at: datetime) -> Archived:
        """Return when the archive is whole and checked. `at` names it: the same one for every attempt."""
        if source.artifacts.bucket == self._bucket:
            raise ProvisionFailed(
                f"the archive cannot lie in {self._bucket}, among the projects: name another in {ARCHIVE_BUCKET}"
            )
        folder = _folder(source.key, at)
        with explained(f"the archive s3://{self._bucket}/{folder}"):
            manifest = self._read_manifest(folder) or self._write(source, folder, at)
        artifacts = manifest["artifacts"]
        location = f"s3://{self._bucket}/{folder}"
        return Archived(location, len(manifest["database"]["tables"]), artifacts["count"], artifacts["bytes"])

    def _write(self, source: ArchiveSource, folder: str, at: datetime) -> dict[str, Any]:
        with snapshot(source.database_url) as taken:
            database = self._write_database(taken, folder)
        manifest = {
            "format": _FORMAT,
            "workspace": source.key.workspace,
            "project": source.key.project,
            "archived_at": at.astimezone(UTC).isoformat(),
            "mlflow_version": source.mlflow_version,
            "database": database,
            "artifacts": _left(source) if source.left else self._write_artifacts(source, folder),
        }
        self._put(f"{folder}{_MANIFEST}", [json.dumps(manifest, indent=1).encode()])
        return manifest

    def _write_database(self, taken: Snapshot, folder: str) -> dict[str, Any]:
        tables = []
        for table in taken.tables():
            name = f"database/{table}.csv.gz"
            with taken.rows(table) as rows:
                put = self._put(f"{folder}{name}", _gzipped(rows))
            tables.append({"table": str(table), "columns": table.columns, "object": name, **put})
        return {"schema_revision": taken.revision(), "sequences": taken.sequences(), "tables": tables}

    def _write_artifacts(self, source: ArchiveSource, folder: str) -> dict[str, Any]:
        """The listing grows on disk: there may be more artifacts than memory has room for their names."""
        count, total = 0, 0
        key = source.artifact_key
        with TemporaryFile() as listing, self._clients.project(key) if key else nullcontext(self._clients.s3) as client:
            for found in _objects(client, source.artifacts):
                name = found["Key"].removeprefix(source.artifacts.prefix)
                put = self._copy(client, source.artifacts.bucket, found, f"{folder}artifacts/{name}")
                listing.write(json.dumps({"key": name, **put}).encode() + b"\n")
                count, total = count + 1, total + found["Size"]
            listing.seek(0)
            put = self._put(f"{folder}{_LISTING}", _gzipped(listing))
        return {**_place(source), "count": count, "bytes": total, "listing": {"object": _LISTING, **put}}

    def _copy(self, client: Any, bucket: str, found: dict[str, Any], name: str) -> dict[str, Any]:
        """A broken connection costs this object, not the hours before it."""
        for attempt in range(_ATTEMPTS):
            try:
                with closing(client.get_object(Bucket=bucket, Key=found["Key"])["Body"]) as content:
                    return self._put(name, content.iter_chunks(_MIB), found["Size"])
            except BotoCoreError:
                if attempt == _ATTEMPTS - 1:
                    raise
        raise AssertionError

    def _put(self, name: str, chunks: Iterable[bytes], expected: int = 0) -> dict[str, Any]:
        """Store an object, read it back, and return its size and SHA-256. `expected` chooses the size of the parts."""
        config = TransferConfig(
            multipart_threshold=_PART, multipart_chunksize=max(_PART, expected // _MOST_PARTS), use_threads=False
        )
        stream = Stream(self._unless_stopping(chunks))
        self._clients.s3.upload_fileobj(stream, self._bucket, name, Config=config)
        stored = sha256()
        with closing(self._clients.s3.get_object(Bucket=self._bucket, Key=name)["Body"]) as content:
            for chunk in self._unless_stopping(content.iter_chunks(_MIB)):
                stored.update(chunk)
        if stored.hexdigest() != stream.sha256:
            raise ProvisionFailed(f"s3://{self._bucket}/{name} reads back as something else than was written")
        return {"bytes": stream.size, "sha256": stream.sha256}

    def _read_manifest(self, folder: str) -> dict[str, Any] | None:
        try:
            found = self._clients.s3.get_object(Bucket=self._bucket, Key=f"{folder}{_MANIFEST}")
        except ClientError as error:
            if code_of(error) == "NoSuchKey":
                return None
            if code_of(error) == "NoSuchBucket":
                words = f"there is no bucket {self._bucket}: make it, or name another in {ARCHIVE_BUCKET}"
                raise ProvisionFailed(words) from error
            raise
        manifest: dict[str, Any] = json.loads(found["Body"].read())
        return manifest

    def _unless_stopping(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            if self._stopping():
                raise OperatorStopping("an archive was under way; the next operator makes it")
            yield chunk


def _left(source: ArchiveSource) -> dict[str, Any]:
    return {**_place(source), "count": 0, "bytes": 0, "left": source.left}


def _place(source: ArchiveSource) -> dict[str, Any]:
    return {"bucket": source.artifacts.bucket, "prefix": source.artifacts.prefix}


def _folder(key: ProjectKey, at: datetime) -> str:
    return f"archive/{key.workspace}/{key.project}/{at.astimezone(UTC):%Y%m%dT%H%M%SZ}/"


def _objects(client: Any, plan: BucketPlan) -> Iterator[dict[str, Any]]:
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=plan.bucket, Prefix=plan.prefix):
        yield from page.get("Contents", ())


def _gzipped(chunks: Iterable[bytes]) -> Iterator[bytes]:
    # 31: with gzip's header, which holds no time, so that equal content is an equal object.
    packer = zlib.compressobj(wbits=31)
    for chunk in chunks:
        if packed := packer.compress(chunk):
            yield packed
    yield packer.flush()
