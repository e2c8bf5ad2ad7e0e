"""What counts as drift: a difference in what was applied, and nothing that others put beside it."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tenantry_operator.runtime.kubernetes.drift import APPLIED, differs, stamped

APPLIED_OBJECT: dict[str, Any] = {
    "kind": "Deployment",
    "metadata": {"name": "a", "labels": {"ours": "1"}},
    "spec": {
        "template": {
            "spec": {
                "containers": [{"name": "main", "image": "x:1", "resources": {"limits": {"memory": "1024Mi"}}}],
                "volumes": [{"name": "settings"}],
            }
        },
        "ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}],
        "verbs": ["get", "list"],
    },
}

SAME = {
    "as it was applied": lambda _: None,
    "with a default beside it": lambda live: live["spec"].update(minReadySeconds=0),
    "with a foreign label": lambda live: live["metadata"]["labels"].update(theirs="1"),
    "with a foreign annotation": lambda live: live["metadata"]["annotations"].update(theirs="1"),
    "with an injected container": lambda live: live["spec"]["template"]["spec"]["containers"].append({"name": "mesh"}),
    "with an amount in another spelling": lambda live: live["spec"]["template"]["spec"]["containers"][0]["resources"][
        "limits"
    ].update(memory="1Gi"),
}
DIFFERENT = {
    "a changed text": lambda live: live["spec"]["template"]["spec"]["containers"][0].update(image="x:2"),
    "a label that is gone": lambda live: live["metadata"]["labels"].pop("ours"),
    "a container that is gone": lambda live: live["spec"]["template"]["spec"]["containers"].clear(),
    "a list with one more": lambda live: live["spec"]["verbs"].append("delete"),
    "a list in another order": lambda live: live["spec"]["verbs"].reverse(),
    "one of two alike that is gone": lambda live: live["spec"]["ports"].pop(),
    "a part of another type": lambda live: live["spec"].update(ports=None),
}


def live_after(change: Any) -> dict[str, Any]:
    live = copy.deepcopy(stamped(APPLIED_OBJECT))
    change(live)
    return live


@pytest.mark.parametrize("name", SAME)
def test_what_others_add_is_no_drift(name: str) -> None:
    assert not differs(stamped(APPLIED_OBJECT), live_after(SAME[name]))


@pytest.mark.parametrize("name", DIFFERENT)
def test_what_differs_in_ours_is_drift(name: str) -> None:
    assert differs(stamped(APPLIED_OBJECT), live_after(DIFFERENT[name]))


def test_a_field_that_is_planned_no_more_is_drift() -> None:
    planned = copy.deepcopy(APPLIED_OBJECT)
    del planned["spec"]["verbs"]
    assert differs(stamped(planned), live_after(lambda _: None))


def test_the_stamp_stands_beside_other_annotations_and_leaves_its_argument_alone() -> None:
    planned = {"metadata": {"annotations": {"role": "a"}}}
    assert set(stamped(planned)["metadata"]["annotations"]) == {"role", APPLIED}
    assert planned == {"metadata": {"annotations": {"role": "a"}}}
