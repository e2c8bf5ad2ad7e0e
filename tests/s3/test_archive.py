"""Archives: all of a project in another bucket, checked, recognised when whole, and good for an empty MLflow."""

from __future__ import annotations

import gzip
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr

from tenantry_catalog.engine import libpq_url
from tenantry_crds.project import Tracking
from tenantry_operator.errors import OperatorStopping, ProvisionFailed
from tenantry_operator.facts import ProjectKey
from tenantry_operator.plan.database import plan_database
from tenantry_operator.provision.administrator import Administrator
from tenantry_operator.provision.archive import Archive, ArchiveSource
from tenantry_operator.provision.postgres import Postgres
from tenantry_operator.provision.secret_files import SecretFiles
from tenantry_operator.provision.template import Templates, migrate
from tests.support.operator import drop_all
from tests.support.plans import INSTALLATION
from tests.support.postgres import PostgresServer
from tests.support.s3 import DictStore, Place, VersityServer, plan_for, running_versity, watch_client

AT = datetime(2026, 11, 25, 5, 0, tzinfo=UTC)
FOLDER = "20261125T050000Z"
MORE = """CREATE TABLE more (
    id serial PRIMARY KEY, parent int REFERENCES more, raw bytea, twice int GENERATED ALWAYS AS (id * 2) STORED
)"""
MODEL = b"weights" * 3_000_000  # Two parts.


@pytest.fixture(scope="module")
def server() -> Iterator[VersityServer]:
    with running_versity() as server:
        yield server


@dataclass
class Project:
    """One with runs and artifacts, and a bucket for archives."""

    place: Place
    databases: Postgres
    key: ProjectKey
    source: ArchiveSource
    bucket: str

    @property
    def folder(self) -> str:
        return f"archive/{self.key.workspace}/{self.key.project}/{FOLDER}/"

    def archive(self, **options: Any) -> Archive:
        return Archive(self.place.server.settings, self.bucket, **options)

    def read(self, name: str) -> bytes:
        content: bytes = (
            self.place.server.client().get_object(Bucket=self.bucket, Key=f"{self.folder}{name}")["Body"].read()
        )
        return content

    def manifest(self) -> Any:
        return json.loads(self.read("manifest.json"))


@pytest.fixture(params=["some tables"])
def project(
    request: pytest.FixtureRequest, server: VersityServer, postgres_server: PostgresServer, tmp_path: Path
) -> Iterator[Project]:
    postgres_server.start()
    key = ProjectKey(f"w{secrets.token_hex(4)}", "roads")
    place = Place(server, DictStore(), server.bucket(), key.workspace)
    administrator = Administrator(SecretStr(postgres_server.admin_url))
    databases = Postgres(administrator, Templates(administrator, migrate), SecretFiles(tmp_path))
    address = databases.ensure(plan_database(key, INSTALLATION, Tracking()))
    if request.param == "some tables":
        thin_out(address)
    fill(address)
    plan = plan_for(key.project, place.bucket, key.workspace)
    artifact_key = place.provisioner().ensure(plan)
    assert place.provisioner().stores(plan, artifact_key).ok
    client = server.client()
    for name, content in (("0/run/model.bin", MODEL), ("0/run/größe & more.txt", "é".encode()), ("empty", b"")):
        client.put_object(Bucket=plan.bucket, Key=f"{plan.prefix}{name}", Body=content)
    client.put_object(Bucket=plan.bucket, Key="beside", Body=b"another project's")
    source = ArchiveSource(key, "3.17.2", address, plan, artifact_key)
    yield Project(place, databases, key, source, server.bucket())
    drop_all(postgres_server, key.workspace)


def connect(address: SecretStr) -> psycopg.Connection:
    return psycopg.connect(libpq_url(address.get_secret_value()), autocommit=True)


def thin_out(address: SecretStr) -> None:
    """Every table is two calls: a handful shows as much as MLflow's 65."""
    others = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename !~ '^(alembic|experim)'"
    with connect(address) as connection:
        names = sql.SQL(", ").join(sql.Identifier(name) for (name,) in connection.execute(others).fetchall())
        connection.execute(sql.SQL("DROP TABLE {} CASCADE").format(names))


def fill(address: SecretStr) -> None:
    """Values that a careless format would lose, and a table that refers to itself."""
    with connect(address) as connection:
        insert = "INSERT INTO experiments (name, lifecycle_stage) VALUES (%s, 'active'), ('', 'active')"
        connection.execute(insert, ('a,b\n"c"',))
        tag = "INSERT INTO experiment_tags (key, value, experiment_id) SELECT 'k', NULL, max(experiment_id)"
        connection.execute(f"{tag} FROM experiments")
        connection.execute(MORE)
        connection.execute(r"INSERT INTO more (parent, raw) VALUES (2, '\x00ff'), (NULL, ''), (1, NULL)")


def contents(address: SecretStr) -> dict[str, object]:
    with connect(address) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1").fetchall()
        found: dict[str, object] = {
            name: connection.execute(
                sql.SQL("SELECT t::text FROM {} t ORDER BY 1").format(sql.Identifier(name))
            ).fetchall()
            for (name,) in tables
        }
        found["sequences"] = connection.execute(
            "SELECT sequencename, last_value FROM pg_sequences ORDER BY 1"
        ).fetchall()
        return found


def test_an_archive_holds_every_object_with_its_checksum(project: Project) -> None:
    made = project.archive().make(project.source, AT)
    manifest = project.manifest()
    assert (made.location, made.artifacts, made.bytes) == (f"s3://{project.bucket}/{project.folder}", 3, len(MODEL) + 2)
    assert made.tables == len(manifest["database"]["tables"]) > 3
    assert (manifest["workspace"], manifest["project"]) == project.key
    assert (manifest["format"], manifest["mlflow_version"], manifest["archived_at"]) == (1, "3.17.2", AT.isoformat())
    listing = manifest["artifacts"]["listing"]
    listed = [json.loads(line) for line in gzip.decompress(project.read(listing["object"])).splitlines()]
    assert {each["key"] for each in listed} == {"0/run/model.bin", "0/run/größe & more.txt", "empty"}
    objects = [
        *manifest["database"]["tables"],
        listing,
        *({**each, "object": f"artifacts/{each['key']}"} for each in listed),
    ]
    for each in objects:
        content = project.read(each["object"])
        assert (len(content), sha256(content).hexdigest()) == (each["bytes"], each["sha256"]), each
    assert len(project.place.server.keys_in(project.bucket)) == len(objects) + 1


@pytest.mark.parametrize("project", ["all tables"], indirect=True)
def test_an_archive_is_good_for_an_empty_database_of_its_version(
    project: Project, postgres_server: PostgresServer
) -> None:
    project.archive().make(project.source, AT)
    before = contents(project.source.database_url)
    empty = project.databases.ensure(
        plan_database(ProjectKey(project.key.workspace, "again"), INSTALLATION, Tracking())
    )
    database = project.manifest()["database"]
    with connect(empty) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (
            database["schema_revision"],
        )
        connection.execute(MORE)
        for table in database["tables"]:
            load(connection, table, gzip.decompress(project.read(table["object"])))
        for name, value in database["sequences"].items():
            connection.execute("SELECT setval(%s, %s)", (name, value))
    assert contents(empty) == before


def load(connection: psycopg.Connection, table: dict[str, Any], rows: bytes) -> None:
    name = sql.Identifier(*table["table"].split(".", 1))
    columns = sql.SQL(", ").join(map(sql.Identifier, table["columns"]))
    connection.execute(sql.SQL("DELETE FROM {}").format(name))  # A new schema holds its revision, and little else.
    with connection.cursor().copy(
        sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv, HEADER)").format(name, columns)
    ) as copy:
        copy.write(rows)


def test_a_whole_archive_is_not_touched_again(project: Project) -> None:
    assert not project.archive().whole(project.key, AT)
    first = project.archive().make(project.source, AT)
    assert project.archive().whole(project.key, AT)
    client = project.place.server.client()
    client.delete_object(Bucket=project.source.artifacts.bucket, Key=f"{project.source.artifacts.prefix}empty")
    gone = replace(project.source, database_url=SecretStr("postgresql://nobody@127.0.0.1:1/gone"))
    writes: list[str] = []
    again = project.archive()
    watch_client(again._clients.s3, writes.append)
    assert again.make(gone, AT) == first
    assert set(writes) == {"GetObject"}
    assert project.archive().make(project.source, AT.replace(hour=6)).artifacts == 2


def test_killed_at_any_write_it_is_whole_after_the_next_pass(project: Project) -> None:
    class Killed(BaseException):
        pass

    died, number = True, 0
    while died:
        at, numbers = AT.replace(minute=number), count()

        def die(name: str) -> None:
            if name in {"PutObject", "UploadPart", "CompleteMultipartUpload"} and next(numbers) == number:  # noqa: B023
                raise Killed

        mortal = project.archive()
        watch_client(mortal._clients.s3, die)
        try:
            mortal.make(project.source, at)
        except Killed:
            died = True
        else:
            died = False
        folder = f"archive/{project.key.workspace}/{project.key.project}/{at:%Y%m%dT%H%M%SZ}/"
        whole = f"{folder}manifest.json" in project.place.server.keys_in(project.bucket, folder)
        assert project.archive().make(project.source, at).artifacts == 3
        assert whole or died
        number += 1
    assert number > 15


def test_what_reads_back_differently_is_no_archive(project: Project) -> None:
    spoiler, archive = project.place.server.client(), project.archive()
    name = f"{project.folder}artifacts/empty"
    seen = count()

    def spoil(called: str) -> None:
        if called == "PutObject" and next(seen) % 2 and name in project.place.server.keys_in(project.bucket, name):
            spoiler.put_object(Bucket=project.bucket, Key=name, Body=b"spoiled")

    watch_client(archive._clients.s3, spoil)
    with pytest.raises(ProvisionFailed, match=r"artifacts/empty reads back as something else"):
        archive.make(project.source, AT)
    assert f"{project.folder}manifest.json" not in project.place.server.keys_in(project.bucket)


def test_what_stands_in_the_way_is_said(project: Project) -> None:
    settings = project.place.server.settings
    for archive, source, words in (
        (Archive(settings, "nobody-made-this"), project.source, "there is no bucket nobody-made-this: make it"),
        (Archive(settings, project.place.bucket), project.source, "name another in storage.archiveBucket of the chart"),
        (
            project.archive(),
            replace(project.source, database_url=SecretStr("postgresql://nobody:secret@127.0.0.1:1/gone")),
            "the project's database cannot be read",
        ),
    ):
        with pytest.raises(ProvisionFailed, match=words) as caught:
            archive.make(source, AT)
        assert "secret" not in str(caught.value)
    with pytest.raises(OperatorStopping):
        project.archive(stopping=lambda: True).make(project.source, AT)
