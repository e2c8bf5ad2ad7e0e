"""What becomes of a quota that nobody counts, on a real API server where nobody does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tenantry_operator.runtime.kubernetes.client import Client, connect
from tenantry_operator.runtime.kubernetes.counting import Counting
from tenantry_operator.runtime.kubernetes.kinds import Ref
from tenantry_operator.runtime.kubernetes.live import Live
from tests.support.apiserver import ApiServer

QUOTA = Ref("ResourceQuota", "ws-vision", "tenantry")
PATH = "/api/v1/namespaces/ws-vision/resourcequotas"
LIMITS = {"count/projects.tenantry.dev": "5", "requests.cpu": "4"}
# A day of looks, as often as the operator looks at what is on its way.
LOOKS, SECONDS = 2880, 30.0


class Clock:
    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def client(kubernetes: ApiServer, monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.setenv("KUBECONFIG", str(kubernetes.kubeconfig))
    return connect(per_second=1000)


@pytest.fixture
def live(kubernetes: ApiServer) -> Iterator[Live]:
    """Knows a quota that is there, with the status of a controller that does not know projects."""
    labels = {"tenantry.dev/workspace": "vision"}
    made = kubernetes.ask("POST", PATH, {"metadata": {"name": "tenantry", "labels": labels}, "spec": {"hard": LIMITS}})
    assert made.status == 201, made
    live = Live()
    live.put("ResourceQuota", looked_at(kubernetes, used={"requests.cpu": "0"}))
    yield live
    kubernetes.ask("DELETE", f"{PATH}/tenantry")


def looked_at(kubernetes: ApiServer, used: dict[str, str]) -> Any:
    """As the controller does: the limits as they are, and what it counts of them."""
    change = {"spec": {"hard": LIMITS}}
    kubernetes.ask("PATCH", f"{PATH}/tenantry", change, content_type="application/merge-patch+json")
    status = {"status": {"hard": LIMITS, "used": dict.fromkeys(LIMITS) | used}}
    return kubernetes.ask("PATCH", f"{PATH}/tenantry/status", status, content_type="application/merge-patch+json").body


def test_a_quota_that_is_never_counted_is_written_five_times_and_then_left(
    kubernetes: ApiServer, client: Client, live: Live
) -> None:
    clock = Clock()
    counting = Counting(client, live, clock)
    unsettled = []
    for _ in range(LOOKS):
        if counting.unsettle(QUOTA):
            unsettled.append(clock.time)
            hard = kubernetes.ask("GET", f"{PATH}/tenantry").body["spec"]["hard"]
            assert hard == {"requests.cpu": "4"}  # What is counted stays in force.
            live.put("ResourceQuota", looked_at(kubernetes, used={"requests.cpu": "0"}))
        assert counting.missing(QUOTA) == {"count/projects.tenantry.dev"}
        clock.time += SECONDS
    assert unsettled == [30.0, 60.0, 90.0, 120.0, 150.0]
    assert client.writes == {("PATCH", "ResourceQuota"): 5}


def test_one_that_is_counted_after_all_may_be_asked_for_again_later(
    kubernetes: ApiServer, client: Client, live: Live
) -> None:
    clock = Clock()
    counting = Counting(client, live, clock)
    for _ in range(LOOKS):
        if counting.unsettle(QUOTA):
            live.put("ResourceQuota", looked_at(kubernetes, used={"requests.cpu": "0"}))
        clock.time += SECONDS
    live.put("ResourceQuota", looked_at(kubernetes, used=dict.fromkeys(LIMITS, "0")))
    assert not counting.unsettle(QUOTA)
    assert counting.missing(QUOTA) == frozenset()
    live.put("ResourceQuota", looked_at(kubernetes, used={"requests.cpu": "0"}))
    assert not counting.unsettle(QUOTA)
    clock.time += SECONDS
    assert counting.unsettle(QUOTA)


def test_before_anybody_has_looked_there_is_nothing_to_ask_for(
    kubernetes: ApiServer, client: Client, live: Live
) -> None:
    kubernetes.ask("DELETE", f"{PATH}/tenantry")
    metadata = {"name": "tenantry", "labels": {"tenantry.dev/workspace": "vision"}}
    fresh = kubernetes.ask("POST", PATH, {"metadata": metadata, "spec": {"hard": LIMITS}}).body
    live.put("ResourceQuota", fresh)
    clock = Clock()
    counting = Counting(client, live, clock)
    for _ in range(LOOKS):
        assert not counting.unsettle(QUOTA)
        clock.time += SECONDS
    assert counting.missing(QUOTA) == LIMITS.keys()
