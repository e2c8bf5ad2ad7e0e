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
