"""A storage that takes connections and says nothing: how long MLflow's own client waits for it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import boto3
import pytest

from tenantry_backend.storage import bound_waits
from tests.support.mlflow import need_mlflow


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """MLflow's module for it. What is bound here concerns no other test of this process."""
    need_mlflow()
    module = import_module("mlflow.store.artifact.s3_artifact_repo")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "of nobody")
    module._cached_get_s3_client.cache_clear()
    yield module
    module._cached_get_s3_client.cache_clear()


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[socket.socket]]:
    """The connections that it has taken."""
    taken: list[socket.socket] = []

    def take(listener: socket.socket) -> None:
        while True:
            try:
                taken.append(listener.accept()[0])
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=take, args=(listener,))
        thread.start()
        monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", f"http://127.0.0.1:{listener.getsockname()[1]}")
        yield taken
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
    for connection in taken:
        connection.close()


def test_an_upload_to_it_ends_after_a_second_attempt(s3: Any, silent: list[socket.socket], tmp_path: Path) -> None:
    bound_waits(connect=0.5, read=0.2)
    (tmp_path / "note.txt").write_text("a note")
    repository = s3.S3ArtifactRepository("s3://bucket/vision/segmentation")
    with pytest.raises(Exception, match=r"[Tt]ime"):
        repository.log_artifact(str(tmp_path / "note.txt"))
    assert len(silent) == 2


def test_mlflows_client_waits_less_than_a_minute_in_all(s3: Any) -> None:
    bound_waits()
    config = s3._get_s3_client(region_name="us-east-1").meta.config
    attempts = config.retries["total_max_attempts"]
    assert attempts * max(config.connect_timeout, config.read_timeout) < 60
    assert config.signature_version == "s3v4", "what MLflow asks for stays"
