"""Projects in a real storage, with every driver that makes keys: what is theirs opens, nothing else does, all of it can
go again.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tenantry_operator.errors import ProvisionFailed
from tenantry_operator.facts import BucketKey, BucketPlan
from tenantry_operator.provision.bucket import StorageDriver
from tests.support.s3 import READS, Place, watch
from tests.support.wait import until


def opened(place: Place, plan: BucketPlan, key: BucketKey | None) -> Any:
    """A client with the project's key, as soon as the storage knows that."""
    assert key
    client = place.server.client(key)

    def known() -> bool:
        try:
            client.list_objects_v2(Bucket=plan.bucket, Prefix=plan.prefix)
        except ClientError:
            return False
        return True

    until(known, what="the storage to know the key")
    return client


def refuses(call: Callable[..., object], **arguments: Any) -> bool:
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"] in {"AccessDenied", "403"}
    return False


def test_a_project_does_with_its_own_objects_what_mlflow_does(place: Place, plan: BucketPlan) -> None:
    client = opened(place, plan, place.provisioner().ensure(plan))
    name = f"{plan.prefix}0/run/artifacts/model.bin"
    client.put_object(Bucket=plan.bucket, Key=name, Body=b"small")
    assert client.get_object(Bucket=plan.bucket, Key=name)["Body"].read() == b"small"
    large = io.BytesIO(b"x" * (9 << 20))  # Two parts.
    client.upload_fileobj(large, plan.bucket, f"{plan.prefix}large")
    listed = client.list_objects_v2(Bucket=plan.bucket, Prefix=f"{plan.prefix}0/", Delimiter="/")
    assert [found["Prefix"] for found in listed["CommonPrefixes"]] == [f"{plan.prefix}0/run/"]
    for key in (name, f"{plan.prefix}large"):
        client.delete_object(Bucket=plan.bucket, Key=key)
    assert place.server.keys_in(plan.bucket, plan.prefix) == []


def test_projects_that_are_tried_at_the_same_time_are_not_in_each_others_way(place: Place) -> None:
    """A gateway in front of a file system makes and removes the folders above what is written and deleted."""
    provisioner, plans = place.provisioner(), [replace(place.plan(f"p{number}"), keyless=True) for number in range(8)]
    for plan in plans:
        provisioner.ensure(plan)

    def found(plan: BucketPlan) -> list[str]:
        probes = (provisioner.stores(plan, None) for _ in range(120))
        return [probe.message for probe in probes if not probe.ok]

    with ThreadPoolExecutor(len(plans)) as pool:
        assert list(pool.map(found, plans)) == [[] for _ in plans]


def test_no_project_can_do_anything_with_another_ones_objects(place: Place) -> None:
    """`road` is the beginning of `roads`, and of its prefix but for the slash."""
    plans = [place.plan(name) for name in ("road", "roads", "signs")]
    provisioner = place.provisioner()
    clients = [(plan, opened(place, plan, provisioner.ensure(plan))) for plan in plans]
    for plan, client in clients:
        client.put_object(Bucket=plan.bucket, Key=f"{plan.prefix}model", Body=b"theirs")
    for mine, client in clients:
        for other in plans:
            if other is not mine:
                assert trespasses(client, mine, other) == []
    for plan, client in clients:
        assert client.get_object(Bucket=plan.bucket, Key=f"{plan.prefix}model")["Body"].read() == b"theirs"


def trespasses(client: Any, mine: BucketPlan, other: BucketPlan) -> list[str]:
    """Return what was not refused."""
    theirs = {"Bucket": other.bucket, "Key": f"{other.prefix}model"}
    source = {"Bucket": mine.bucket, "Key": f"{mine.prefix}copy", "CopySource": theirs}
    bucket = {"Bucket": other.bucket}
    attempts: dict[str, tuple[Callable[..., object], dict[str, Any]]] = {
        "get": (client.get_object, theirs),
        "head": (client.head_object, theirs),
        "put": (client.put_object, {**theirs, "Body": b"mine"}),
        "delete": (client.delete_object, theirs),
        "copy from": (client.copy_object, source),
        "begin an upload": (client.create_multipart_upload, theirs),
        "list": (client.list_objects_v2, {**bucket, "Prefix": other.prefix}),
        "list all": (client.list_objects_v2, bucket),
        "list without a slash": (client.list_objects_v2, {**bucket, "Prefix": mine.prefix.rstrip("/")}),
        "list versions": (client.list_object_versions, {**bucket, "Prefix": other.prefix}),
        "list uploads": (client.list_multipart_uploads, bucket),
        "read the policy": (client.get_bucket_policy, bucket),
        "open the bucket": (client.put_bucket_policy, {**bucket, "Policy": json.dumps({"Statement": []})}),
        "rename its owner": (client.put_bucket_tagging, {**bucket, "Tagging": {"TagSet": []}}),
        "delete the bucket": (client.delete_bucket, bucket),
        "make a bucket": (client.create_bucket, {"Bucket": f"{other.user.replace('_', '-')}-new"}),
    }
    return [what for what, (call, arguments) in attempts.items() if not refuses(call, **arguments)]


def test_a_second_pass_writes_nothing_and_reads_four_times(place: Place, plan: BucketPlan) -> None:
    first = place.provisioner().ensure(plan)
    calls: list[str] = []
    place.store.on_write = calls.append
    again = place.provisioner()
    watch(again, calls.append)
    for reads in (5, 4):  # An operator that has just begun asks once which buckets there are.
        assert again.ensure(plan) == again.key(plan) == first
        again.retire(plan)
        assert [name for name in calls if not name.startswith(READS)] == []
        assert len(calls) / 2 <= reads  # Each is seen before and after.
        calls.clear()


def test_the_probes_see_that_it_works_and_leave_nothing(place: Place, plan: BucketPlan) -> None:
    provisioner = place.provisioner()
    provisioner.ensure(place.plan("signs"))
    key = provisioner.ensure(plan)
    place.server.client().put_bucket_versioning(Bucket=plan.bucket, VersioningConfiguration={"Status": "Enabled"})
    assert (provisioner.stores(plan, key).ok, provisioner.stores(plan, key).reason) == (True, "Stored")
    assert (provisioner.confined(plan, key).ok, provisioner.confined(plan, key).reason) == (True, "Refused")
    assert place.server.keys_in(plan.bucket) == []


def test_the_probes_see_a_key_that_opens_too_much_or_too_little(place: Place, plan: BucketPlan) -> None:
    provisioner, other = place.provisioner(), place.plan("signs")
    provisioner.ensure(plan)
    key = provisioner.ensure(other)
    place.later()
    found = provisioner.stores(plan, key)
    assert (found.ok, found.reason) == (False, "NotWritable")
    assert "PutObject answered AccessDenied" in found.message
    settings = place.server.settings
    assert settings.access_key
    assert settings.secret_key
    root = BucketKey(settings.access_key, settings.secret_key)
    assert (provisioner.confined(plan, root).ok, provisioner.confined(plan, root).reason) == (False, "StorageOpen")
    unknown = replace(root, access_key="AKIANOBODYKNOWSIT000")
    assert (provisioner.confined(plan, unknown).ok, provisioner.confined(plan, unknown).reason) == (False, "NotTried")
    assert place.server.keys_in(plan.bucket) == []


def test_old_and_new_key_work_side_by_side_until_the_old_is_retired(place: Place, plan: BucketPlan) -> None:
    provisioner = place.provisioner()
    old = provisioner.ensure(plan)
    before = opened(place, plan, old)
    place.later()
    new = provisioner.rotate(plan)
    assert new
    assert new != old
    assert provisioner.rotate(plan) == provisioner.ensure(plan) == provisioner.key(plan) == new
    after = opened(place, plan, new)
    for client in (before, after):
        client.put_object(Bucket=plan.bucket, Key=f"{plan.prefix}model", Body=b"x")
    for _ in range(2):
        provisioner.retire(plan)
    until(lambda: _is_out(before, plan), what="the old key to be refused")
    after.get_object(Bucket=plan.bucket, Key=f"{plan.prefix}model")
    assert provisioner.ensure(plan) == new
    third = provisioner.rotate(plan)
    assert third
    assert third not in {old, new}


def test_a_key_is_as_old_as_the_last_rotation(place: Place, plan: BucketPlan) -> None:
    provisioner, start = place.provisioner(), place.time
    assert provisioner.age(plan) is None
    provisioner.ensure(plan)
    place.later()
    assert provisioner.age(plan) == place.time - start
    provisioner.rotate(plan)
    provisioner.retire(plan)
    place.later()
    assert provisioner.age(plan) == (place.time - start) / 2


def test_a_lost_secret_is_replaced_and_the_artifacts_are_kept(place: Place, plan: BucketPlan) -> None:
    provisioner = place.provisioner()
    lost = provisioner.ensure(plan)
    before = opened(place, plan, lost)
    before.put_object(Bucket=plan.bucket, Key=f"{plan.prefix}keepsake", Body=b"x")
    place.store.values.clear()
    found = provisioner.ensure(plan)
    assert found != lost
    opened(place, plan, found).get_object(Bucket=plan.bucket, Key=f"{plan.prefix}keepsake")
    until(lambda: _is_out(before, plan), what="the lost key to be refused")


def test_a_key_that_somebody_deleted_is_made_again(place: Place, plan: BucketPlan) -> None:
    provisioner = place.provisioner()
    first = provisioner.ensure(plan)
    assert first
    place.later()
    provisioner._keys._users.delete_key(plan, first.access_key)  # type: ignore[attr-defined]
    second = provisioner.ensure(plan)
    opened(place, plan, second)


def test_remove_takes_all_that_is_the_projects_and_nothing_else(place: Place, plan: BucketPlan) -> None:
    provisioner, other = place.provisioner(), place.plan("signs")
    for each in (plan, other):
        client = opened(place, each, provisioner.ensure(each))
        versions = {"Status": "Enabled"}
        place.server.client().put_bucket_versioning(Bucket=each.bucket, VersioningConfiguration=versions)
        for _ in range(2):
            client.put_object(Bucket=each.bucket, Key=f"{each.prefix}model", Body=b"x")
        client.delete_object(Bucket=each.bucket, Key=f"{each.prefix}model")
        client.create_multipart_upload(Bucket=each.bucket, Key=f"{each.prefix}upload")
    for _ in range(2):
        provisioner.remove(plan)
        assert place.server.keys_in(plan.bucket, plan.prefix) == []
        assert uploads(place, plan) == 0 or place.server.driver is StorageDriver.MINIO_ADMIN
        assert provisioner._keys._users.keys(plan) == frozenset()  # type: ignore[attr-defined]
    assert list(place.store.values) == [f"bucket.{other.user}"]
    assert len(place.server.keys_in(other.bucket, other.prefix)) == 3
    assert uploads(place, other) == 1
    assert (plan.bucket in place.server.buckets()) == bool(plan.prefix)


def uploads(place: Place, plan: BucketPlan) -> int:
    """How many were begun and not completed. MinIO says so of one key alone, so it has to end them itself, in a day."""
    try:
        found = place.server.client().list_multipart_uploads(Bucket=plan.bucket, Prefix=f"{plan.prefix}upload")
    except ClientError:
        return 0
    return len(found.get("Uploads", ()))


def test_a_user_of_the_same_name_that_is_not_ours_is_left_alone(place: Place, plan: BucketPlan) -> None:
    provisioner = place.provisioner()
    theirs = provisioner.ensure(plan)
    opened(place, plan, theirs).put_object(Bucket=plan.bucket, Key=f"{plan.prefix}model", Body=b"x")
    other = replace(plan, label="tenantry.dev/project: somebody/else")
    for work in (provisioner.ensure, provisioner.reader):
        with pytest.raises(ProvisionFailed, match="is not this project's"):
            work(other)
    provisioner.remove(other)
    opened(place, plan, provisioner.ensure(plan)).get_object(Bucket=plan.bucket, Key=f"{plan.prefix}model")


def test_a_place_that_names_no_installation_is_for_whoever_comes_first(place: Place, plan: BucketPlan) -> None:
    old = place.provisioner().ensure(plan)
    opened(place, plan, old).put_object(Bucket=plan.bucket, Key=f"{plan.prefix}model", Body=b"x")
    first, second = (replace(plan, label=f"{plan.label}@{identity * 16}") for identity in "ab")
    assert place.provisioner().ensure(first) == old
    for work in (place.provisioner().ensure, place.provisioner().reader):
        with pytest.raises(ProvisionFailed, match="is not this project's"):
            work(second)
    place.provisioner().remove(second)
    opened(place, first, old).get_object(Bucket=plan.bucket, Key=f"{plan.prefix}model")
    place.provisioner().remove(first)
    assert place.server.keys_in(plan.bucket) == []


def _is_out(client: Any, plan: BucketPlan) -> bool:
    try:
        client.list_objects_v2(Bucket=plan.bucket, Prefix=plan.prefix)
    except ClientError as error:
        # MinIO's keys take turns by name: the old one then has another secret.
        return error.response["Error"]["Code"] in {"InvalidAccessKeyId", "SignatureDoesNotMatch"}
    return False
