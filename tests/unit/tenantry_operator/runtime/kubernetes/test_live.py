"""The memory of what is on the cluster: by whose it is, and never older than what was seen before."""

from __future__ import annotations

from typing import Any

import pytest

from tenantry_operator.facts import Key, ProjectKey, WorkspaceKey
from tenantry_operator.runtime.kubernetes.kinds import Ref
from tenantry_operator.runtime.kubernetes.live import Live

ROADS = ProjectKey("vision", "roads")
SERVICE = Ref("Service", "ws-vision", "mlflow-roads")


def service(
    version: int, *, port: int = 80, name: str = "mlflow-roads", namespace: str = "ws-vision"
) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace, "resourceVersion": str(version)}
    return {"metadata": metadata, "spec": {"port": port}, "status": {"loadBalancer": {}}}


def test_news_says_whose_it_is() -> None:
    live = Live()
    assert live.put("Service", service(1)) == ROADS
    assert live.of(ROADS) == {SERVICE}


@pytest.mark.parametrize(
    ("kind", "name", "namespace", "whose"),
    [
        ("Namespace", "ws-vision", "", WorkspaceKey("vision")),
        ("NetworkPolicy", "tenantry", "ws-vision", WorkspaceKey("vision")),
        ("NetworkPolicy", "mlflow-roads", "ws-vision", ROADS),
        ("Namespace", "vision", "", None),
        ("Secret", "mlflow-roads", "vision", None),
        ("Secret", "huge", "ws-vision", None),
    ],
)
def test_what_has_no_name_that_we_give_is_not_kept(kind: str, name: str, namespace: str, whose: Key | None) -> None:
    live = Live()
    assert live.put(kind, service(1, name=name, namespace=namespace)) == whose
    assert (live.get(Ref(kind, namespace, name)) is not None) == (whose is not None)


def test_an_object_whose_labels_are_edited_is_still_whose_it_was() -> None:
    live = Live()
    live.put("Service", service(1))
    edited = service(2)
    edited["metadata"]["labels"] = {"tenantry.dev/project": "signs"}
    assert live.put("Service", edited) == ROADS


def test_what_is_older_or_the_same_is_no_news() -> None:
    live = Live()
    live.put("Service", service(5, port=81))
    assert live.put("Service", service(4, port=80)) is None
    assert live.put("Service", service(6, port=81)) is None
    found = live.get(SERVICE)
    assert found is not None
    assert found["spec"] == {"port": 81}


def quota(version: int, used: dict[str, str]) -> dict[str, Any]:
    labels = {"tenantry.dev/workspace": "vision"}
    metadata = {"name": "tenantry", "namespace": "ws-vision", "resourceVersion": str(version), "labels": labels}
    return {"metadata": metadata, "spec": {"hard": {"requests.cpu": "4"}}, "status": {"used": used}}


def test_that_a_limit_is_counted_is_news_and_how_much_of_it_is_used_is_not() -> None:
    live = Live()
    live.put("ResourceQuota", quota(1, {}))
    assert live.put("ResourceQuota", quota(2, {"requests.cpu": "0"})) == WorkspaceKey("vision")
    assert live.put("ResourceQuota", quota(3, {"requests.cpu": "3"})) is None


def test_what_a_list_of_one_namespace_does_not_name_is_gone_from_that_namespace_alone() -> None:
    live = Live()
    live.put("Service", service(1))
    assert live.keep_only("Service", "ws-other", (), version=1) == frozenset()
    assert live.keep_only("Deployment", "", (), version=1) == frozenset()
    assert live.keep_only("Service", "ws-vision", (), version=1) == {ROADS}
    assert live.get(SERVICE) is None
    assert live.of(ROADS) == frozenset()


def test_news_that_come_late_take_nothing_away_that_is_newer() -> None:
    live = Live()
    live.put("Service", service(5))
    assert live.remove("Service", service(4)) is None
    assert live.keep_only("Service", "", (), version=4) == frozenset()
    assert live.of(ROADS) == {SERVICE}
    assert live.remove("Service", service(6)) == ROADS
    assert live.of(ROADS) == frozenset()
