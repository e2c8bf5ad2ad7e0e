"""One server of each kind a session; a test's projects have names that nobody else has."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from tenantry_operator.facts import BucketPlan
from tests.support.s3 import DictStore, Place, S3Server, plan_for, running_minio, running_versity

SERVERS: dict[str, Callable[[], AbstractContextManager[S3Server]]] = {
    "versitygw": running_versity,
    "minio": running_minio,
}


@pytest.fixture(scope="session", params=SERVERS)
def server(request: pytest.FixtureRequest) -> Iterator[S3Server]:
    """Every driver that makes users, with the server that it is for."""
    with SERVERS[request.param]() as server:
        yield server


@pytest.fixture(params=["prefix", "bucket"])
def place(request: pytest.FixtureRequest, server: S3Server) -> Place:
    """Both ways to lie in a storage: parts of one bucket, or a bucket for each project."""
    server.start()
    return Place(server, DictStore(), server.bucket() if request.param == "prefix" else "", f"w{secrets.token_hex(4)}")


@pytest.fixture
def plan(place: Place) -> BucketPlan:
    return plan_for("roads", place.bucket, place.workspace)
