"""Killed anywhere, the next pass goes on: each work is ended before and after each of its writes, on a real storage."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest
from botocore.exceptions import ClientError

from tenantry_operator.facts import BucketPlan
from tenantry_operator.provision.bucket.provisioner import BucketProvisioner
from tests.support.s3 import READS, Place, watch
from tests.support.wait import until

Work = Callable[[BucketProvisioner, BucketPlan], object]


class Killed(BaseException):
    """As SIGKILL: nothing of ours sees it."""


def ensure(provisioner: BucketProvisioner, plan: BucketPlan) -> None:
    provisioner.ensure(plan)


def rotated(provisioner: BucketProvisioner, plan: BucketPlan) -> None:
    provisioner.ensure(plan)
    provisioner.rotate(plan)


# What is killed, what was done before, and how many keys there are when all is done.
WORKS: dict[str, tuple[Work, Work, int]] = {
    "ensure": (BucketProvisioner.ensure, lambda *_: None, 1),
    "rotate": (BucketProvisioner.rotate, ensure, 2),
    "retire": (BucketProvisioner.retire, rotated, 1),
    "remove": (BucketProvisioner.remove, rotated, 0),
}


@pytest.mark.parametrize("what", WORKS)
def test_killed_at_any_write_it_is_done_by_the_next_pass(place: Place, what: str) -> None:
    work, begin, keys = WORKS[what]
    done: list[BucketPlan] = []
    died = True
    while died:
        plan = place.plan(f"p{len(done)}")
        begin(place.provisioner(), plan)
        place.later()
        died = dies_at(len(done), place, lambda provisioner: work(provisioner, plan))  # noqa: B023
        again = place.provisioner()
        work(again, plan)
        assert len(again._keys._users.keys(plan)) == keys, f"killed at {len(done)}"  # type: ignore[attr-defined]
        done.append(plan)
    assert len(done) > 4
    for plan in done if keys else ():
        opens(place, plan)


def dies_at(number: int, place: Place, work: Callable[[BucketProvisioner], object]) -> bool:
    """Whether it died: a work that writes less often than that is done."""
    numbers = count()

    def die(name: str) -> None:
        if not name.startswith(READS) and next(numbers) == number:
            raise Killed

    provisioner = place.provisioner()
    watch(provisioner, die)
    place.store.on_write = die
    try:
        work(provisioner)
    except Killed:
        return True
    finally:
        place.store.on_write = lambda _: None
    return False


def opens(place: Place, plan: BucketPlan) -> None:
    """The current key, with the secret that is kept, puts an object into the project's own place."""
    client = place.server.client(place.provisioner().key(plan))

    def put() -> bool:
        try:
            client.put_object(Bucket=plan.bucket, Key=f"{plan.prefix}model", Body=b"x")
        except ClientError:
            return False
        return True

    until(put, what="the storage to know the key")
