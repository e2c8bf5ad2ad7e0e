"""The policies in docs/storage.md: the administrator's is enough, the project's is what projects get."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from tenantry_operator.facts import BucketPlan
from tenantry_operator.provision.bucket.policy import document
from tests.support.s3 import DictStore, Place, VersityServer, running_versity
from tests.support.wait import until

PROJECTS, ADMINISTRATORS = re.findall(
    r"```json\n(.*?)```", (Path(__file__).parents[2] / "docs" / "storage.md").read_text(), re.DOTALL
)


@pytest.fixture(scope="module")
def server() -> Iterator[VersityServer]:
    with running_versity() as server:
        yield server


def test_the_policy_for_a_given_key_is_what_projects_get() -> None:
    plan = BucketPlan("BUCKET", "PREFIX", "user", "label")
    assert json.loads(PROJECTS) == document(plan)


@pytest.mark.parametrize("shared", [True, False])
def test_the_administrators_policy_is_enough(server: VersityServer, *, shared: bool) -> None:
    bucket, _ = server.bucket(), server.bucket()
    place = Place(server, DictStore(), bucket if shared else "", f"w{secrets.token_hex(4)}")
    provisioner, plan = place.provisioner(**administrator(server)), place.plan("roads")
    until(lambda: provisioner._buckets.neighbour(plan), what="the storage to know the administrator")
    key = provisioner.ensure(plan)
    versions = {"Status": "Enabled"}
    server.client().put_bucket_versioning(Bucket=plan.bucket, VersioningConfiguration=versions)
    assert provisioner.stores(plan, key).ok
    assert provisioner.confined(plan, key).ok
    assert server.keys_in(plan.bucket) == []
    plan = replace(plan, label=f"{plan.label}@{'a' * 16}")
    assert provisioner.ensure(plan) == key
    assert provisioner.rotate(plan) != key
    provisioner.retire(plan)
    server.client().put_object(Bucket=plan.bucket, Key=f"{plan.prefix}model", Body=b"x")
    for _ in range(2):
        provisioner.remove(plan)
    assert server.keys_in(plan.bucket) == []


def administrator(server: VersityServer) -> dict[str, Any]:
    """The settings of somebody who has the documented policy and no other right."""
    iam, name = server.client(service="iam"), f"operator-{secrets.token_hex(4)}"
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="documented", PolicyDocument=ADMINISTRATORS)
    made = iam.create_access_key(UserName=name)["AccessKey"]
    return {"access_key": made["AccessKeyId"], "secret_key": SecretStr(made["SecretAccessKey"])}
