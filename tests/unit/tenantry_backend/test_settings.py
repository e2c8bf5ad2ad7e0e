"""What a server is told, and what its environment becomes."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from pydantic import ValidationError

from tenantry_backend.environment import BEFORE_IMPORT, for_server
from tenantry_backend.settings import ServerSettings

TOLD: dict[str, Any] = {
    "database_url": "postgresql://role:password@127.0.0.1:5432/name",
    "artifact_directory": "/data/vision/seg mentation",
    "scratch_directory": "/scratch/vision",
    "secret": "s3cret",
    "grace": 10,
}


def written(content: object) -> int:
    descriptor = os.memfd_create("settings")
    os.write(descriptor, json.dumps(content).encode())
    return descriptor


def test_are_read_from_the_beginning_and_the_descriptor_is_closed() -> None:
    descriptor = written(TOLD)
    settings = ServerSettings.read(descriptor)
    assert settings.secret.get_secret_value() == "s3cret"
    assert settings.uid is None
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


@pytest.mark.parametrize("change", [{"colour": "red"}, {"grace": "soon"}, {"secret": None}])
def test_are_refused_when_they_are_not_what_is_expected(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as raised:
        ServerSettings.read(written(TOLD | change))
    assert raised.value.errors()[0]["loc"] == (next(iter(change)),)


def test_do_not_print_their_secrets() -> None:
    printed = repr(ServerSettings.model_validate(TOLD))
    assert "password" not in printed
    assert "s3cret" not in printed


def test_become_an_environment_with_everything_in_its_own_place() -> None:
    variables = for_server(ServerSettings.model_validate(TOLD))
    assert variables["_MLFLOW_SERVER_FILE_STORE"] == "postgresql+psycopg2://role:password@127.0.0.1:5432/name"
    assert variables["_MLFLOW_SERVER_ARTIFACT_DESTINATION"] == "file:///data/vision/seg%20mentation"
    assert variables["HOME"] == variables["TMPDIR"] == "/scratch/vision"
    assert "s3cret" not in variables.values(), "the guard's secret is none of MLflow's business"
    assert BEFORE_IMPORT["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"


S3 = {"endpoint": "http://s3:7070", "region": "eu-1", "access_key": "AKIA", "secret_key": "hunter2"}
ON_S3 = {name: value for name, value in TOLD.items() if name != "artifact_directory"} | {
    "artifact_uri": "s3://bucket/vision/segmentation/",
    "s3": S3,
}


def test_artifacts_on_s3_become_an_environment() -> None:
    variables = for_server(ServerSettings.model_validate(ON_S3))
    assert variables["_MLFLOW_SERVER_ARTIFACT_DESTINATION"] == "s3://bucket/vision/segmentation/"
    assert {name: value for name, value in variables.items() if name.startswith(("AWS_", "MLFLOW_S3"))} == {
        "AWS_ACCESS_KEY_ID": "AKIA",
        "AWS_DEFAULT_REGION": "eu-1",
        "AWS_SECRET_ACCESS_KEY": "hunter2",
        "MLFLOW_S3_ENDPOINT_URL": "http://s3:7070",
    }


def test_without_a_key_the_process_has_an_identity_of_its_own() -> None:
    told = ON_S3 | {"s3": {"endpoint": None, "region": "eu-1", "access_key": None, "secret_key": None}}
    variables = for_server(ServerSettings.model_validate(told))
    assert {name for name in variables if name.startswith(("AWS_", "MLFLOW_S3"))} == {"AWS_DEFAULT_REGION"}


@pytest.mark.parametrize(
    ("told", "message"),
    [
        (ON_S3 | {"artifact_directory": "/data"}, "exactly one of artifact_directory and artifact_uri"),
        (ON_S3 | {"artifact_uri": None}, "exactly one of artifact_directory and artifact_uri"),
        (TOLD | {"s3": S3}, "s3 is for an artifact_uri"),
        (ON_S3 | {"artifact_uri": "gs://bucket/"}, "artifact_uri"),
        (ON_S3 | {"s3": S3 | {"secret_key": None}}, "access_key and secret_key belong together"),
        (ON_S3 | {"s3": S3 | {"endpoint": "http://AKIA:hunter2@s3"}}, "endpoint"),
        (ON_S3 | {"database_url": "mysql://role:hunter2@host/name"}, "postgresql://role:password@host:5432/name"),
        (ON_S3 | {"database_url": "postgresql://role:hunter2@host:port/name"}, "postgresql://role:password@host"),
        (ON_S3 | {"secret": ""}, "secret"),
    ],
)
def test_an_error_says_what_is_wrong_and_no_secret(told: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError) as raised:
        ServerSettings.model_validate(told)
    assert message in str(raised.value)
    assert "hunter2" not in str(raised.value)
