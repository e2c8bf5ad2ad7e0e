"""A backend in a pod of its own: a real process, from settings in a file to its last answer."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import aiohttp
import pytest
from psycopg import sql

from tenantry_api.forward import stream
from tests.support.backend import SECRET_HEADER, ask
from tests.support.mlflow_client import log_a_run
from tests.support.pod import SECRET, Pod, Service, listens, pod_settings, running_pod, starting_pod
from tests.support.postgres import PostgresServer
from tests.support.s3 import VersityServer, running_versity
from tests.support.s3_tls import TlsVersityServer
from tests.support.wait import until, until_async

AUTHORIZED = {SECRET_HEADER: SECRET}
BACKEND = "http://mlflow-segmentation.ws-vision.svc:8080"
# Seconds between two requests of one client: the longest is what the door would just keep a connection for.
TEMPOS = [0.0, 0.05, 0.7, stream._KEEP_ALIVE - 0.05]
CROWD = 48


@pytest.fixture
def new_pod(new_database: Callable[[], str], tmp_path: Path) -> Iterator[Callable[[], Pod]]:
    """Starts one of the same project with each call, as two pods of a rollout are."""
    database_url = new_database()
    with ExitStack() as pods:
        homes = (tmp_path / f"pod-{number}" for number in range(9))
        settings = pod_settings(database_url, tmp_path)
        yield lambda: pods.enter_context(
            running_pod(home := next(homes), settings | {"scratch_directory": str(home / "scratch")})
        )


def connections_as_the_door_keeps_them(service: Service) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(
        limit=0, keepalive_timeout=stream._KEEP_ALIVE, use_dns_cache=False, resolver=service
    )
    session = aiohttp.ClientSession(connector=connector, headers=AUTHORIZED)
    session._retry_connection = False
    return session


async def test_no_request_fails_while_one_pod_leaves_and_another_takes_over(new_pod: Callable[[], Pod]) -> None:
    old, new = new_pod(), new_pod()
    service, answers, closing = Service(old), Counter[object](), asyncio.Event()

    async def client(session: aiohttp.ClientSession, pause: float) -> None:
        await asyncio.sleep(random.uniform(0, pause))
        while not old.ended():
            try:
                async with session.post(
                    f"{BACKEND}/api/2.0/mlflow/experiments/search", json={"max_results": 1}
                ) as said:
                    answers[said.status] += bool(await said.read())
                    if said.headers.get("connection") == "close":
                        closing.set()
            except aiohttp.ClientError as error:
                answers[repr(error)] += 1
            await asyncio.sleep(pause)

    async def slow_body() -> AsyncIterator[bytes]:
        yield b"begun before it leaves, "
        await closing.wait()
        await until_async(refuses_connections, deadline=20, what="the end of listening")
        yield b"ended after it has closed its port"

    async def refuses_connections() -> bool:
        return not await asyncio.to_thread(listens, old.port)

    async with connections_as_the_door_keeps_them(service) as session:
        crowd = [asyncio.create_task(client(session, TEMPOS[number % len(TEMPOS)])) for number in range(CROWD)]
        path = f"{BACKEND}/api/2.0/mlflow-artifacts/artifacts/slow.txt"
        upload = asyncio.create_task(session.put(path, data=slow_body()))
        await until_async(served(answers, 10 * CROWD), deadline=60, what="a crowd that is at work")
        old.leave()
        await closing.wait()
        service.pod = new  # What the cluster does meanwhile: the old one is no longer ready.
        await asyncio.gather(*crowd)
        assert (await upload).status == 200
        async with session.get(path) as kept:
            assert await kept.read() == b"begun before it leaves, ended after it has closed its port"
    assert set(answers) == {200}
    assert old.process.returncode == 0, old.log


def served(answers: Counter[object], enough: int) -> Callable[[], asyncio.Future[bool]]:
    async def are() -> bool:
        return answers.total() >= enough

    return lambda: asyncio.ensure_future(are())


def test_it_answers_over_both_families_those_with_its_secret(new_pod: Callable[[], Pod]) -> None:
    pod = new_pod()
    for host in ("127.0.0.1", "[::1]"):
        assert ask(f"http://{host}:{pod.port}", "/health", headers=AUTHORIZED) == (200, b"OK")
        assert ask(f"http://{host}:{pod.port}", "/health")[0] == 403


@pytest.fixture(scope="module")
def s3() -> Iterator[VersityServer]:
    with running_versity() as server:
        yield server


@pytest.mark.parametrize("identity", ["a key of its own", "the pod's"])
def test_artifacts_are_on_s3(identity: str, s3: VersityServer, new_database: Callable[[], str], tmp_path: Path) -> None:
    bucket, owner = s3.bucket(), s3.settings
    assert owner.access_key is not None
    assert owner.secret_key is not None
    key = {"access_key": owner.access_key, "secret_key": owner.secret_key.get_secret_value()}
    place = {"endpoint": s3.endpoint, "region": owner.region, **(key if identity == "a key of its own" else {})}
    of_the_pod = {"AWS_ACCESS_KEY_ID": key["access_key"], "AWS_SECRET_ACCESS_KEY": key["secret_key"]}
    environment = of_the_pod if identity == "the pod's" else {}
    uri = f"s3://{bucket}/vision/segmentation/"
    settings = pod_settings(new_database(), tmp_path, artifact_directory=None, artifact_uri=uri, s3=place)
    with running_pod(tmp_path / "pod", settings, environment) as pod:
        assert log_a_run(pod.address, SECRET, "on S3")["artifact"] == "written by on S3"
        (written,) = s3.keys_in(bucket)
        assert written.startswith("vision/segmentation/")
        assert written.endswith("/note.txt")
        assert key["secret_key"].encode() not in Path(f"/proc/{pod.process.pid}/cmdline").read_bytes()
        assert key["secret_key"] not in pod.log
        offers = json.loads(ask(pod.address, "/api/3.0/mlflow/server-info", headers=AUTHORIZED)[1])
        assert [offers[f"multipart_{way}_enabled"] for way in ("uploads", "downloads")] == [False, False]
        signed = f"/api/2.0/mlflow-artifacts/presigned/{written.removeprefix('vision/segmentation/')}"
        assert ask(pod.address, signed, headers=AUTHORIZED)[0] == 501


def test_artifacts_are_on_an_s3_whose_authority_is_the_houses(new_database: Callable[[], str], tmp_path: Path) -> None:
    with running_versity(TlsVersityServer) as s3:
        key = s3.settings.access_key, s3.settings.secret_key
        assert key[0] is not None
        assert key[1] is not None
        place = {"endpoint": s3.endpoint, "access_key": key[0], "secret_key": key[1].get_secret_value()}
        place["ca_file"] = str(s3.authority)
        bucket = s3.bucket()
        uri = f"s3://{bucket}/vision/segmentation/"
        settings = pod_settings(new_database(), tmp_path, artifact_directory=None, artifact_uri=uri, s3=place)
        with running_pod(tmp_path / "pod", settings) as pod:
            assert log_a_run(pod.address, SECRET, "by TLS")["artifact"] == "written by by TLS"
        assert len(s3.keys_in(bucket)) == 1


GOOD = pod_settings("postgresql://role:hunter2@127.0.0.1:1/name", Path("/nowhere"))


@pytest.mark.parametrize(
    ("settings", "environment", "words"),
    [
        ("{", {}, "settings.json: Invalid JSON"),
        (GOOD, {"TENANTRY_BACKEND_SETTINGS_FILE": "/nowhere/at/all"}, "/nowhere/at/all: No such file or directory"),
        (GOOD, {"TENANTRY_BACKEND_PORT": "http"}, "TENANTRY_BACKEND_PORT is no port"),
        (GOOD, {}, "scratch_directory: /nowhere/scratch"),
        (GOOD | {"artifact_uri": "s3://bucket/p/"}, {}, "exactly one of artifact_directory and artifact_uri"),
        (GOOD | {"secret": None}, {}, "settings.json: secret: "),
        (GOOD | {"password": "hunter2"}, {}, "password: Extra inputs are not permitted"),
        (GOOD | {"database_url": "mysql://role:hunter2@host/name"}, {}, "postgresql://role:password@host:5432/name"),
    ],
)
def test_a_wrong_setting_ends_it_with_a_reason(
    settings: object, environment: dict[str, str], words: str, tmp_path: Path
) -> None:
    # What root may write anywhere, nobody may here: a file stands where the directory would.
    if words.startswith("scratch_directory"):
        (tmp_path / "file").touch()
        settings = GOOD | {"scratch_directory": str(tmp_path / "file" / "scratch")}
        words = f"scratch_directory: {tmp_path}/file/scratch"
    with starting_pod(tmp_path, settings, environment) as pod:
        assert pod.process.wait(timeout=60) == 2
        assert words in pod.log
        assert len(pod.log.splitlines()) == 1
        assert "hunter2" not in pod.log


def test_it_waits_for_its_database_and_may_be_sent_away_meanwhile(
    mlflow_server: PostgresServer, tmp_path: Path
) -> None:
    name = sql.Identifier("late_comer")
    url = mlflow_server.url("late_comer").replace("postgresql+psycopg:", "postgresql:")
    with starting_pod(tmp_path / "pod", pod_settings(url, tmp_path)) as pod:
        until(lambda: "does not exist" in pod.log, deadline=60, what="the first attempt")
        assert not listens(pod.port)
        with starting_pod(tmp_path / "unlucky", pod_settings(url, tmp_path)) as unlucky:
            until(lambda: "does not exist" in unlucky.log, deadline=60, what="the first attempt")
            unlucky.leave()
            assert unlucky.process.wait(timeout=10) == 0
        template = sql.Identifier("mlflow_template_for_tests")
        mlflow_server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(name, template))
        try:
            until(lambda: pod.ended() or listens(pod.port), deadline=60, what="a pod that listens")
            assert ask(pod.address, "/health", headers=AUTHORIZED) == (200, b"OK")
        finally:
            mlflow_server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


def test_a_migration_reads_its_address_from_a_file_as_well(new_database: Callable[[], str], tmp_path: Path) -> None:
    (tmp_path / "url").write_text(f"{new_database()}\n")
    (tmp_path / "wrong").write_text("postgresql://role:hunter2@127.0.0.1:1/name")
    file = {"TENANTRY_BACKEND_DATABASE_URL_FILE": str(tmp_path / "url")}
    cases: list[tuple[dict[str, str], int, str]] = [
        (file, 0, ""),
        ({}, 2, "TENANTRY_BACKEND_DATABASE_URL_FILE"),
        (file | {"TENANTRY_BACKEND_DATABASE_URL": "postgresql://"}, 2, "not both"),
        ({"TENANTRY_BACKEND_DATABASE_URL_FILE": str(tmp_path / "none")}, 2, "No such file"),
        ({"TENANTRY_BACKEND_DATABASE_URL": "mysql://role:hunter2@host/name"}, 2, "postgresql://role:password@host"),
        ({"TENANTRY_BACKEND_DATABASE_URL_FILE": str(tmp_path / "wrong")}, 1, "Connection refused"),
    ]
    for environment, status, words in cases:
        command = [sys.executable, "-W", "ignore", "-m", "tenantry_backend.migrate"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == status, done.stderr
        assert words in (done.stderr.splitlines() or [""])[-1]
        assert "hunter2" not in done.stdout + done.stderr
        assert bool(done.stdout.strip()) == (status == 0), "the revision is its answer"
