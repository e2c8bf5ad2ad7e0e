"""Rights that a chart grants, against those that were used: who asked for what stands in the API server's audit log."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

__all__ = ["ON_A_NODE", "Right", "before_the_end", "granted", "refused", "used"]


class Right(NamedTuple):
    """One verb on one resource of one group; `resource` has its subresource, or is the path of what is no resource."""

    verb: str
    resource: str
    group: str = ""

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}" + (f" ({self.group})" if self.group else "")


# Of MLflow's schema, which a Job makes: without a node no pod would run. tests/e2e has one.
ON_A_NODE = frozenset(Right(verb, "jobs", "batch") for verb in ("create", "get", "delete"))


def granted(objects: Iterable[Mapping[str, Any]], account: str) -> set[Right]:
    """What roles of these objects give to this ServiceAccount, in whichever namespace."""
    there = list(objects)
    bound = {it["roleRef"]["name"] for it in there if "subjects" in it and it["subjects"][0]["name"] == account}
    return {
        right
        for it in there
        if it["kind"] in {"ClusterRole", "Role"} and it["metadata"]["name"] in bound
        for rule in it["rules"]
        for right in _of_rule(rule)
    }


def used(log: Iterable[str], account: str) -> set[Right]:
    """What `namespace:name` was allowed, once at least, and what that included."""
    events = [event for event in _events(log, account) if event["responseStatus"]["code"] != _FORBIDDEN]
    return {right for event in events for right in (_right(event), *_included(event))}


def refused(log: Iterable[str], account: str) -> set[Right]:
    """What `namespace:name` asked for in vain."""
    return {_right(event) for event in _events(log, account) if event["responseStatus"]["code"] == _FORBIDDEN}


def before_the_end(log: Iterable[str]) -> list[str]:
    """Without what each pod asked for in its last half minute: to uninstall, or upgrade, changes rights while pods of
    before still run.
    """
    events = [(line, json.loads(line)) for line in log]
    last = {_pod(event): _time(event) for _, event in events}
    return [line for line, event in events if last[_pod(event)] - _time(event) > _END]


_FORBIDDEN = 403
_CREATED = 201
_END = timedelta(seconds=30)
_RBAC = "rbac.authorization.k8s.io"


def _of_rule(rule: Mapping[str, Any]) -> Iterator[Right]:
    for verb, path in itertools.product(rule["verbs"], rule.get("nonResourceURLs", ())):
        yield Right(verb, path)
    for verb, group, resource in itertools.product(rule["verbs"], rule.get("apiGroups", ()), rule.get("resources", ())):
        yield Right(verb, resource, group)


def _events(log: Iterable[str], account: str) -> Iterator[dict[str, Any]]:
    for line in log:
        event = json.loads(line)
        if event["user"]["username"] == f"system:serviceaccount:{account}" and "responseStatus" in event:
            yield event


def _pod(event: Mapping[str, Any]) -> str:
    (name,) = event["user"].get("extra", {}).get("authentication.kubernetes.io/pod-name", [""])
    return str(name)


def _time(event: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(event["requestReceivedTimestamp"])


def _right(event: Mapping[str, Any]) -> Right:
    asked = event.get("objectRef")
    if asked is None:
        return Right(event["verb"], event["requestURI"].partition("?")[0])
    resource = "/".join(part for part in (asked["resource"], asked.get("subresource")) if part)
    return Right(event["verb"], resource, asked.get("apiGroup", ""))


def _included(event: Mapping[str, Any]) -> Iterator[Right]:
    """An apply that makes an object is written down as a patch, and is judged as a create too; who makes a RoleBinding
    is asked for `bind`.
    """
    right = _right(event)
    if right.verb == "patch" and event["responseStatus"]["code"] == _CREATED:
        yield right._replace(verb="create")
        if right.resource == "rolebindings":
            yield Right("bind", "clusterroles", _RBAC)
