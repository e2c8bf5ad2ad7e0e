"""S3 storages for the tests: versitygw, with AWS's IAM API, and MinIO where there is one. All on loopback."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from pydantic import SecretStr

from tenantry_api.up.processes import Command, Process
from tenantry_operator.facts import BucketKey, BucketPlan
from tenantry_operator.provision.bucket import StorageDriver, StorageSettings
from tenantry_operator.provision.bucket.minio_admin import MinioUsers
from tenantry_operator.provision.bucket.provisioner import BucketProvisioner, make_provisioner
from tests.support.oidc import free_port
from tests.support.requirement import missing
from tests.support.wait import until

__all__ = [
    "READS",
    "DictStore",
    "MinioServer",
    "Place",
    "S3Server",
    "VersityServer",
    "answers",
    "plan_for",
    "running_minio",
    "running_versity",
    "watch",
    "watch_client",
]

# How the administrator's calls begin that change nothing.
READS = ("Get", "Head", "List", "GET ")

_START = 30.0
# Gone with the server, which only we can reach.
_ROOT = ("root-of-the-tests", "secret-of-the-tests-root")


class S3Server:
    """A storage that a test may stop and start again: its address, its users and its objects stay."""

    driver: StorageDriver
    # PEM of the authority that signed its certificate, where it has one.
    authority: Path | None = None

    def __init__(self, home: Path, program: Path) -> None:
        self.home, self.program = home, program
        self.port, self.iam_port = free_port(), free_port()
        self._running: list[Process] = []

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def settings(self) -> StorageSettings:
        key = (_ROOT[0], SecretStr(_ROOT[1]))
        return StorageSettings(self.endpoint, "us-east-1", self.iam_endpoint, *key, authority=self.authority)

    @property
    def iam_endpoint(self) -> str | None:
        return None

    @property
    def commands(self) -> Iterator[tuple[str, tuple[str, ...], dict[str, str]]]:
        """Names, arguments and environments, in the order in which they start."""
        raise NotImplementedError

    def start(self) -> None:
        if self._running:
            return
        for name, arguments, environment in self.commands:
            log = self.home / f"{name}.log"
            argv = (str(self.program), *arguments)
            process = Process(Command(name, argv, {"HOME": str(self.home), **environment}, log, signal.SIGKILL))
            self._running.append(process)
            until(lambda: process.check() or self.is_up(name), deadline=_START, what=name)  # noqa: B023

    def stop(self) -> None:
        for process in reversed(self._running):
            process.stop()
        self._running.clear()

    def is_up(self, name: str) -> bool:
        raise NotImplementedError

    def client(self, key: BucketKey | None = None, service: str = "s3") -> Any:
        """A client of our own, so that what is tested is not what tests it; None is the administrator."""
        access_key, secret_key = (key.access_key, key.secret_key.get_secret_value()) if key else _ROOT
        return boto3.session.Session().client(
            service,
            endpoint_url=self.endpoint if service == "s3" else self.iam_endpoint,
            region_name="us-east-1",
            verify=str(self.authority) if self.authority else None,
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            config=Config(
                s3={"addressing_style": "path"} if service == "s3" else None, retries={"total_max_attempts": 1}
            ),
        )

    def bucket(self) -> str:
        """Make a bucket for all projects, with a name that nobody else has."""
        name = f"shared-{secrets.token_hex(4)}"
        self.client().create_bucket(Bucket=name)
        return name

    def buckets(self) -> set[str]:
        return {bucket["Name"] for bucket in self.client().list_buckets()["Buckets"]}

    def keys_in(self, bucket: str, prefix: str = "") -> list[str]:
        """All objects and all their versions, and what deleted them; none where there is no bucket."""
        try:
            pages = list(self.client().get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix))
        except ClientError:
            return []
        kinds = ("Versions", "DeleteMarkers")
        return [item["Key"] for page in pages for kind in kinds for item in page.get(kind, ())]


class VersityServer(S3Server):
    driver = StorageDriver.AWS_IAM

    @property
    def iam_endpoint(self) -> str:
        return f"http://127.0.0.1:{self.iam_port}"

    @property
    def commands(self) -> Iterator[tuple[str, tuple[str, ...], dict[str, str]]]:
        folders = {name: self.home / name for name in ("users", "objects", "versions")}
        for folder in folders.values():
            folder.mkdir(exist_ok=True)
        environment = {"ROOT_ACCESS_KEY": _ROOT[0], "ROOT_SECRET_KEY": _ROOT[1]}
        socket = str(self.home / "iam.sock")
        users = ("iam", "--dir", str(folders["users"]), "--private-ports", socket)
        yield "iam", ("--quiet", "--port", f"127.0.0.1:{self.iam_port}", *users), environment
        iam = ("--iam-standalone-endpoint", socket, "--iam-cache-ttl", "1", "--iam-cache-prune", "5")
        store = ("posix", "--versioning-dir", str(folders["versions"]), str(folders["objects"]))
        yield "s3", ("--quiet", "--keep-alive", "--port", f"127.0.0.1:{self.port}", *iam, *store), environment

    def is_up(self, name: str) -> bool:
        return answers(HTTPConnection("127.0.0.1", self.port_of(name), timeout=1))

    def port_of(self, name: str) -> int:
        return self.iam_port if name == "iam" else self.port


class MinioServer(S3Server):
    driver = StorageDriver.MINIO_ADMIN

    @property
    def commands(self) -> Iterator[tuple[str, tuple[str, ...], dict[str, str]]]:
        environment = {"MINIO_ROOT_USER": _ROOT[0], "MINIO_ROOT_PASSWORD": _ROOT[1], "MINIO_BROWSER": "off"}
        yield (
            "minio",
            ("server", "--quiet", "--address", f"127.0.0.1:{self.port}", str(self.home / "minio")),
            environment,
        )

    def is_up(self, name: str) -> bool:  # noqa: ARG002  there is one
        return answers(HTTPConnection("127.0.0.1", self.port, timeout=1), "/minio/health/ready")


class DictStore:
    """Fulfils `SecretStore`. `on_write` is called before and after whatever changes it."""

    def __init__(self) -> None:
        self.values: dict[str, SecretStr] = {}
        self.on_write: Callable[[str], None] = lambda _: None

    def read(self, name: str) -> SecretStr | None:
        return self.values.get(name)

    def write(self, name: str, value: SecretStr) -> None:
        self.on_write("write a secret")
        self.values[name] = value
        self.on_write("write a secret")

    def remove(self, name: str) -> None:
        self.on_write("remove a secret")
        self.values.pop(name, None)
        self.on_write("remove a secret")


@dataclass
class Place:
    """Where the projects of one test lie; an empty bucket means one for each of them."""

    server: S3Server
    store: DictStore
    bucket: str
    workspace: str
    time: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    def plan(self, project: str) -> BucketPlan:
        return plan_for(project, self.bucket, self.workspace)

    def provisioner(self, **settings: Any) -> BucketProvisioner:
        """Another one each time, as after a restart. `settings` replace the server's own."""
        storage = replace(self.server.settings, **settings)
        return make_provisioner(self.server.driver, storage, self.store, clock=lambda: self.time)

    def later(self) -> None:
        """So long after that no key is a new one any more."""
        self.time += timedelta(hours=1)


def watch(provisioner: BucketProvisioner, called: Callable[[str], None]) -> None:
    """Call `called` with its name before and after every call that goes to the storage as the administrator."""
    for client in (provisioner._clients.s3, provisioner._clients.iam):
        watch_client(client, called)
    users = getattr(provisioner._keys, "_users", None)
    if isinstance(users, MinioUsers):
        original = users._admin._url_open

        def url_open(*, command: Any, **options: Any) -> Any:
            called(f"{options['method']} {command.value}")
            answer = original(command=command, **options)
            called(f"{options['method']} {command.value}")
            return answer

        users._admin._url_open = url_open  # type: ignore[method-assign]


def plan_for(project: str, bucket: str = "", workspace: str = "vision") -> BucketPlan:
    """With a bucket: a prefix of it. Without: a bucket of its own."""
    user, label = f"tnt_{workspace}_{project}", f"tenantry.dev/project: {workspace}/{project}"
    if bucket:
        return BucketPlan(bucket, f"{workspace}/{project}/", user, label)
    return BucketPlan(f"tenantry-{workspace}-{project}", "", user, label)


def watch_client(client: Any, called: Callable[[str], None]) -> None:
    """The same for one client of boto3."""
    for event in ("before-call", "after-call"):
        client.meta.events.register(event, lambda model, **_: called(model.name))


@contextmanager
def running_versity(kind: type[VersityServer] = VersityServer) -> Iterator[VersityServer]:
    program = _found("versitygw", "TENANTRY_TEST_VERSITYGW")
    if program is None:
        missing("s3", "there is no versitygw: run hack/cluster/build.sh tools, or set TENANTRY_TEST_VERSITYGW")
    with _running(kind, program) as server:
        yield server


@contextmanager
def running_minio(kind: type[MinioServer] = MinioServer) -> Iterator[MinioServer]:
    program = _found("minio", "TENANTRY_TEST_MINIO")
    if program is None:
        missing("minio", "set TENANTRY_TEST_MINIO to the program: no build here makes it, its license is the AGPL")
    with _running(kind, program) as server:
        yield server


@contextmanager
def _running(kind: type[S3Server], program: Path) -> Iterator[Any]:
    home = Path(tempfile.mkdtemp(prefix="tenantry-tests-"))
    server = kind(home, program)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(home)


def _found(name: str, variable: str) -> Path | None:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    given = os.environ.get(variable)
    program = Path(given) if given else cache / "tenantry" / "cluster" / "bin" / name
    return program if program.exists() else None


def answers(connection: HTTPConnection, path: str = "/") -> bool:
    """Whether it speaks HTTP; that it refuses a stranger, or sends one away, is as good as anything."""
    try:
        connection.request("GET", path)
        return connection.getresponse().status < HTTPStatus.INTERNAL_SERVER_ERROR
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
