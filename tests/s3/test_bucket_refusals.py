"""What cannot be done is said in words that help, without a secret; and keys that are not ours to make."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from tenantry_operator.errors import ProvisionFailed
from tenantry_operator.facts import BucketKey, BucketPlan
from tenantry_operator.provision.bucket import StorageDriver
from tenantry_operator.provision.bucket.provisioner import BucketProvisioner, make_provisioner
from tenantry_operator.provision.bucket.words import ENDPOINT, SECRET_KEY
from tests.support.oidc import free_port
from tests.support.s3 import DictStore, Place

SECRET = "not-the-secret-of-anybody"


def unprivileged(place: Place) -> dict[str, Any]:
    """A project's key in the place of the administrator's."""
    provisioner, plan = place.provisioner(), place.plan("weak")
    key = provisioner.ensure(plan)
    assert provisioner.stores(plan, key).ok
    assert key
    return {"access_key": key.access_key, "secret_key": key.secret_key}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {"access_key": "AKIANOBODYKNOWSIT000", "secret_key": SecretStr(SECRET)},
            "check storage.existingSecret of the chart",
        ),
        ({"secret_key": SecretStr(SECRET)}, f"check {SECRET_KEY}"),
        ({"endpoint": f"http://127.0.0.1:{free_port()}"}, f"check {ENDPOINT}"),
        ({"endpoint": "127.0.0.1"}, f"set {ENDPOINT}"),
        (unprivileged, "docs/storage.md"),
    ],
    ids=["unknown key", "wrong secret", "nobody there", "no address", "too few rights"],
)
def test_a_wrong_setting_is_named_and_no_secret(place: Place, plan: BucketPlan, settings: Any, words: str) -> None:
    if callable(settings):
        settings = settings(place)
    provisioner = place.provisioner(**settings)
    for work in (provisioner.ensure, provisioner.remove):
        with pytest.raises(ProvisionFailed) as caught:
            work(plan)
        assert words in str(caught.value)
        assert SECRET not in str(caught.value)
        assert settings.get("secret_key", SecretStr("?")).get_secret_value() not in str(caught.value)


def test_a_bucket_for_all_has_to_be_there(place: Place) -> None:
    plan = replace(place.plan("roads"), bucket="nobody-made-this", prefix="vision/roads/")
    with pytest.raises(ProvisionFailed, match=r"nobody-made-this: .*there is no such bucket: make it"):
        place.provisioner().ensure(plan)
    place.provisioner().remove(plan)  # Nothing is there to be removed.


@pytest.mark.parametrize("tags", [None, {"Key": "tenantry.dev/owner", "Value": "tenantry.dev/project: other/roads"}])
def test_a_bucket_of_a_projects_name_that_is_not_ours_is_left_alone(place: Place, tags: dict[str, str] | None) -> None:
    plan = replace(place.plan("roads"), bucket=f"foreign-{place.workspace}", prefix="")
    client = place.server.client()
    client.create_bucket(Bucket=plan.bucket)
    client.put_object(Bucket=plan.bucket, Key="theirs", Body=b"x")
    if tags:
        client.put_bucket_tagging(Bucket=plan.bucket, Tagging={"TagSet": [tags]})
    with pytest.raises(
        ProvisionFailed, match=r"is not this project's: name one for all in storage\.bucket of the chart"
    ):
        place.provisioner().ensure(plan)
    place.provisioner().remove(plan)
    assert place.server.keys_in(plan.bucket) == ["theirs"]


def test_a_bucket_of_another_account_is_not_taken_for_its_tag(place: Place) -> None:
    """Names of buckets are the world's: whoever works ours out can have one first, with our tag and open to us."""
    plan = replace(place.plan("roads"), bucket=f"theirs-{place.workspace}", prefix="")
    client, provisioner = place.server.client(), place.provisioner()
    client.create_bucket(Bucket=plan.bucket)
    tag = {"Key": "tenantry.dev/owner", "Value": plan.label}
    client.put_bucket_tagging(Bucket=plan.bucket, Tagging={"TagSet": [tag]})
    client.put_object(Bucket=plan.bucket, Key="theirs", Body=b"x")

    def leave_out(parsed: dict[str, Any], **_: Any) -> None:
        """A storage of ours has one account, so this is how it looks from another."""
        parsed["Buckets"] = [bucket for bucket in parsed["Buckets"] if bucket["Name"] != plan.bucket]

    provisioner._clients.s3.meta.events.register("after-call.s3.ListBuckets", leave_out)
    for work in (provisioner.ensure, provisioner.reader):
        with pytest.raises(ProvisionFailed, match="is not this project's"):
            work(plan)
    provisioner.remove(plan)
    assert place.server.keys_in(plan.bucket) == ["theirs"]
    assert place.store.values == {}


def test_an_empty_bucket_that_somebody_made_is_taken_with_its_tags(place: Place) -> None:
    plan = replace(place.plan("roads"), bucket=f"prepared-{place.workspace}", prefix="")
    client = place.server.client()
    client.create_bucket(Bucket=plan.bucket)
    client.put_bucket_tagging(Bucket=plan.bucket, Tagging={"TagSet": [{"Key": "cost", "Value": "team-a"}]})
    place.provisioner().ensure(plan)
    tags = {tag["Key"]: tag["Value"] for tag in client.get_bucket_tagging(Bucket=plan.bucket)["TagSet"]}
    assert tags == {"cost": "team-a", "tenantry.dev/owner": plan.label}


@pytest.mark.parametrize("keyless", [False, True])
def test_a_bucket_that_a_spec_names_has_to_agree(place: Place, plan: BucketPlan, *, keyless: bool) -> None:
    """Else a spec could name a neighbour's prefix, or any bucket of the account, and have a key to it, or delete it."""
    client, other = place.server.client(), place.plan("signs")
    place.provisioner().ensure(other)
    client.put_object(Bucket=other.bucket, Key=f"{other.prefix}model", Body=b"theirs")
    empty = place.server.bucket()
    bold = replace(plan, named=True, keyless=keyless)
    for target in (
        replace(bold, bucket=other.bucket, prefix=other.prefix),
        replace(bold, bucket=other.bucket, prefix=""),
        replace(bold, bucket=empty, prefix=""),
        replace(bold, bucket=empty, prefix="part/"),
        # The operator makes no bucket of a name that somebody chose: it may be the one of a project to come.
        replace(bold, bucket=f"unmade-{place.workspace}", prefix=""),
        replace(bold, bucket=f"unmade-{place.workspace}", prefix="part/"),
    ):
        for work in (place.provisioner().ensure, place.provisioner().reader):
            with pytest.raises(ProvisionFailed, match=r"is not this project's: .* with another in spec\.artifacts"):
                work(target)
        place.provisioner().remove(target)
    assert place.server.keys_in(other.bucket) == [f"{other.prefix}model"]
    assert f"unmade-{place.workspace}" not in place.server.buckets()
    assert place.store.values.keys() == {f"bucket.{other.user}"}
    agreed = replace(bold, bucket=empty, prefix="part/")
    for consent in (plan.label, plan.label.rpartition("/")[0]):  # For the project, or for its workspace.
        tags = [{"Key": "tenantry.dev/owner", "Value": consent}]
        client.put_bucket_tagging(Bucket=empty, Tagging={"TagSet": tags})
        key = place.provisioner().ensure(agreed)
        assert place.provisioner().stores(agreed, key).ok
        assert place.provisioner().reader(agreed) == key
    with pytest.raises(ProvisionFailed):
        place.provisioner().ensure(replace(agreed, prefix=""))
    place.provisioner().remove(agreed)


def test_a_whole_bucket_that_a_spec_names_is_emptied_and_stays(place: Place, plan: BucketPlan) -> None:
    bucket, client = place.server.bucket(), place.server.client()
    whole = replace(plan, bucket=bucket, prefix="", named=True)
    tags = [{"Key": "tenantry.dev/owner", "Value": plan.label}]
    client.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
    key = place.provisioner().ensure(whole)
    assert place.provisioner().stores(whole, key).ok
    client.put_object(Bucket=bucket, Key="model", Body=b"x")
    place.provisioner().remove(whole)
    assert place.server.keys_in(bucket) == []
    assert bucket in place.server.buckets()


@pytest.mark.parametrize("beside", [{}, {"keyless": True}, {"given_secret": "ws-vision/nobody-made-this"}])
def test_a_place_that_was_not_made_is_not_tried_as_the_administrator(
    place: Place, plan: BucketPlan, beside: dict[str, Any]
) -> None:
    """A paused project is looked at, and nothing is made for it."""
    bucket = place.server.bucket()
    place.server.client().put_object(Bucket=bucket, Key=".tenantry-probe", Body=b"theirs")
    bold = replace(plan, bucket=bucket, prefix="", named=True, **beside)
    provisioner = place.provisioner()
    found = provisioner.stores(bold, provisioner.key(bold))
    assert (found.ok, found.reason) == (False, "NotProvisioned")
    assert place.server.keys_in(bucket) == [".tenantry-probe"]


def test_a_policy_that_somebody_changed_is_put_right(place: Place, plan: BucketPlan) -> None:
    provisioner = place.provisioner()
    key = provisioner.ensure(plan)
    wide = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": ["s3:*"], "Resource": ["arn:aws:s3:::*"]}],
    }
    users = provisioner._keys._users  # type: ignore[attr-defined]
    if place.server.driver is StorageDriver.MINIO_ADMIN:
        users._admin.policy_add(plan.user, policy={"ID": plan.label, **wide})
    else:
        iam = place.server.client(service="iam")
        iam.put_user_policy(UserName=plan.user, PolicyName="tenantry", PolicyDocument=json.dumps(wide))
    assert provisioner.ensure(plan) == key
    provisioner.ensure(place.plan("signs"))
    assert provisioner.confined(plan, key).reason in {"Refused", "StorageOpen"}  # As long as a storage remembers.


def given(
    place: Place, secrets: dict[str, BucketKey], driver: StorageDriver = StorageDriver.GIVEN
) -> BucketProvisioner:
    storage = replace(place.server.settings, access_key=None, secret_key=None)
    return make_provisioner(driver, storage, DictStore(), read_given=secrets.get)


@pytest.mark.parametrize("driver", StorageDriver)
def test_a_key_that_somebody_gave_is_used_as_it_is(place: Place, plan: BucketPlan, driver: StorageDriver) -> None:
    key = place.provisioner().ensure(plan)
    assert key
    assert place.provisioner().stores(plan, key).ok
    named = replace(plan, given_secret="ws-vision/bucket")
    provisioner = given(place, {"ws-vision/bucket": key}, driver)
    assert provisioner.ensure(named) == provisioner.key(named) == provisioner.rotate(named) == key
    assert provisioner.reader(named) == key
    provisioner.retire(named)
    assert provisioner.age(named) is None
    assert provisioner.stores(named, key).ok
    assert provisioner.confined(named, key).ok


def test_a_secret_that_is_missing_is_named_with_its_fields(place: Place, plan: BucketPlan) -> None:
    named = replace(plan, given_secret="ws-vision/bucket")
    for work in (given(place, {}).ensure, given(place, {}).reader, given(place, {}).remove):
        with pytest.raises(ProvisionFailed, match=r"Secret ws-vision/bucket .* accessKeyId and secretAccessKey"):
            work(named)
    with pytest.raises(ProvisionFailed, match="name a Secret with accessKeyId and secretAccessKey"):
        given(place, {}).ensure(plan)


@pytest.mark.parametrize("driver", [StorageDriver.WORKLOAD_IDENTITY, None])
def test_a_pod_with_an_identity_of_its_own_needs_no_key(
    place: Place, plan: BucketPlan, driver: StorageDriver | None
) -> None:
    keyless = replace(plan, keyless=True)
    provisioner = make_provisioner(driver or place.server.driver, place.server.settings, place.store)
    assert provisioner.ensure(keyless) is provisioner.key(keyless) is provisioner.rotate(keyless) is None
    assert provisioner.reader(keyless) is None
    assert provisioner.stores(keyless, None).ok
    assert (provisioner.confined(keyless, None).ok, provisioner.confined(keyless, None).reason) == (True, "NotTried")
    assert place.store.values == {}
    place.server.client().put_object(Bucket=plan.bucket, Key=f"{plan.prefix}model", Body=b"x")
    provisioner.remove(keyless)
    assert place.server.keys_in(plan.bucket) == []
