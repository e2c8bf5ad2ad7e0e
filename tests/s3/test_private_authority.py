"""A storage whose certificate an authority of the house signed: trusted when it is named, and refused by its name."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tenantry_operator.errors import ProvisionFailed
from tenantry_operator.facts import BucketPlan
from tenantry_operator.provision.bucket import StorageDriver
from tenantry_operator.provision.bucket.minio_admin import MinioUsers
from tests.support.s3 import DictStore, Place, S3Server, running_minio, running_versity
from tests.support.s3_tls import TlsMinioServer, TlsVersityServer
from tests.support.tls import Authority

SERVERS: dict[str, Callable[[], Any]] = {
    "versitygw": lambda: running_versity(TlsVersityServer),
    "minio": lambda: running_minio(TlsMinioServer),
}
CURE = r"storage\.caSecret of the chart \(TENANTRY_STORAGE_CA_FILE\)"


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest) -> Iterator[S3Server]:
    with SERVERS[request.param]() as server:
        yield server


@pytest.fixture
def place(server: S3Server) -> Place:
    return Place(server, DictStore(), server.bucket(), f"w{secrets.token_hex(4)}")


@pytest.fixture
def plan(place: Place) -> BucketPlan:
    return place.plan("roads")


@pytest.fixture
def stranger(tmp_path: Path) -> Path:
    return Authority(tmp_path, "stranger").certificate


def test_a_project_comes_rotates_and_goes(place: Place, plan: BucketPlan) -> None:
    """Both clients, the administrator's and the project's, and both APIs."""
    provisioner = place.provisioner()
    key = provisioner.ensure(plan)
    assert provisioner.stores(plan, key).ok
    assert provisioner.confined(plan, key).ok
    place.later()
    assert provisioner.rotate(plan) != key
    provisioner.retire(plan)
    provisioner.remove(plan)
    assert place.server.keys_in(plan.bucket) == []


@pytest.mark.parametrize("authority", [None, "another"])
def test_without_its_authority_it_is_said_which_setting_names_it(
    place: Place, plan: BucketPlan, stranger: Path, authority: str | None
) -> None:
    key = place.provisioner().ensure(plan)
    trusting_others = place.provisioner(authority=stranger if authority else None)
    for work in (trusting_others.ensure, trusting_others.remove):
        with pytest.raises(ProvisionFailed, match=CURE):
            work(plan)
    for probe in (trusting_others.stores, trusting_others.confined):
        assert not probe(plan, key).ok
        assert re.search(CURE, probe(plan, key).message)


def test_the_users_api_is_asked_with_the_same_trust(place: Place, plan: BucketPlan, stranger: Path) -> None:
    users = place.provisioner(authority=stranger)._keys._users  # type: ignore[attr-defined]
    with pytest.raises(ProvisionFailed, match=CURE):
        users.keys(plan)


def test_the_admin_api_of_minio_is_asked_with_the_same_trust(place: Place, plan: BucketPlan, stranger: Path) -> None:
    """Whoever answers: what is no MinIO says so, once its certificate is taken."""
    with pytest.raises(ProvisionFailed, match=CURE):
        MinioUsers(replace(place.server.settings, authority=stranger)).keys(plan)
    trusting = MinioUsers(place.server.settings)
    if place.server.driver is StorageDriver.MINIO_ADMIN:
        assert trusting.keys(plan) == frozenset()
    else:
        with pytest.raises(ProvisionFailed, match="MinIO answered"):
            trusting.keys(plan)


def test_a_certificate_for_another_name_is_no_question_of_authority(place: Place, plan: BucketPlan) -> None:
    misnamed = str(place.server.settings.endpoint).replace("127.0.0.1", "localhost")
    probe = place.provisioner(endpoint=misnamed).stores(plan, place.provisioner().ensure(plan))
    assert "check storage.endpoint of the chart (TENANTRY_STORAGE_ENDPOINT)" in probe.message
    assert not re.search(CURE, probe.message)
