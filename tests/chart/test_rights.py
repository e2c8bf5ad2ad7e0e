"""What the chart's accounts may do: each verb with its reason, no wildcard, and nothing that two releases share."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.chart.options import OPTIONS
from tests.support.helm import Rendered, render

_SCOPES = ("kinds that go with it", "listed namespaces")
_ROLES = {"ClusterRole", "Role"}
_INSTALLATION = "app.kubernetes.io/instance"


def _rules(rendered: Rendered) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each rule with its role's name, and the comment right above it."""
    for document in re.split(r"^---$", rendered.text, flags=re.MULTILINE):
        role = yaml.safe_load(document) or {}
        if role.get("kind") in _ROLES:
            written = re.findall(r"((?:^  #.*\n)*)^  - (.*\n(?:    .*\n?)*)", document, re.MULTILINE)
            for comment, rule in written[-len(role["rules"]) :]:
                yield role["metadata"]["name"], comment, yaml.safe_load(f"    {rule}")


def _granted(rendered: Rendered, role: str) -> set[tuple[str, str]]:
    return {
        (verb, resource)
        for name, _, rule in _rules(rendered)
        if name == role
        for verb, resource in itertools.product(rule["verbs"], rule.get("resources", []))
    }


@pytest.mark.parametrize("option", _SCOPES)
def test_no_right_is_a_wildcard(option: str) -> None:
    words = [it for _, _, rule in _rules(render(OPTIONS[option])) for group in rule.values() for it in group]
    assert len(words) > 100
    assert [word for word in words if "*" in word] == []


@pytest.mark.parametrize("option", _SCOPES)
def test_every_verb_has_its_reason_above_it(option: str) -> None:
    for role, comment, rule in _rules(render(OPTIONS[option])):
        explained = {verb.strip() for verbs in re.findall(r"([a-z, ]+):", comment) for verb in verbs.split(",")}
        assert set(rule["verbs"]) - explained == set(), (role, rule, comment)
        assert len(comment) > 20, (role, rule)


@pytest.mark.parametrize("option", _SCOPES)
def test_rules_are_all_seen_by_these_tests(option: str) -> None:
    rendered = render(OPTIONS[option])
    written = [(it["metadata"]["name"], rule) for kind in _ROLES for it in rendered.all(kind) for rule in it["rules"]]
    assert sorted(map(str, written)) == sorted(str((name, rule)) for name, _, rule in _rules(rendered))


def test_administrators_of_a_workspace_read_no_secret_and_enter_no_pod() -> None:
    granted = _granted(render(), "tenantry:tenantry:tenantry:workspace-admin")
    resources = {resource for _, resource in granted}
    assert resources.isdisjoint({"secrets", "pods/exec", "pods/attach", "pods/portforward", "roles", "rolebindings"})
    assert {resource for verb, resource in granted if verb not in {"get", "list", "watch"}} == {"projects"}


@pytest.mark.parametrize("option", OPTIONS)
def test_the_tenant_api_is_given_nothing(option: str) -> None:
    rendered = render(OPTIONS[option])
    bound = [
        subject["name"]
        for kind in ("ClusterRoleBinding", "RoleBinding")
        for it in rendered.all(kind)
        for subject in it["subjects"]
    ]
    assert [name for name in bound if "tenant-api" in name] == []


@pytest.mark.parametrize("option", _SCOPES)
def test_everybody_who_is_given_something_has_an_account_of_the_chart(option: str) -> None:
    rendered = render(OPTIONS[option])
    accounts = {(it["metadata"]["namespace"], it["metadata"]["name"]) for it in rendered.all("ServiceAccount")}
    roles = {(it["kind"], it["metadata"].get("namespace"), it["metadata"]["name"]) for it in rendered.objects}
    for it in [*rendered.all("ClusterRoleBinding"), *rendered.all("RoleBinding")]:
        for subject in it["subjects"]:
            assert (subject["namespace"], subject["name"]) in accounts
        assert (it["roleRef"]["kind"], it["metadata"].get("namespace"), it["roleRef"]["name"]) in roles


def test_with_listed_namespaces_nothing_of_other_namespaces_is_seen() -> None:
    rendered = render(OPTIONS["listed namespaces"])
    everywhere = _cluster_role(rendered)
    assert {resource for verb, resource in everywhere if verb not in {"get", "list", "watch"}} == {
        "workspaces",
        "workspaces/status",
    }
    assert {resource for _, resource in everywhere}.isdisjoint({"secrets", "pods", "deployments", "projects"})
    places = {it["metadata"]["namespace"] for it in rendered.all("Role")}
    assert places == {"tenantry", "ws-vision", "ws-language"}


def test_what_each_namespace_gives_is_the_same_in_both_scopes() -> None:
    listed, wide = render(OPTIONS["listed namespaces"]), render()
    (role,) = (it for it in listed.all("Role") if it["metadata"]["namespace"] == "ws-vision")
    cluster = wide.one("ClusterRole", "tenantry:tenantry:tenantry:operator")
    assert [rule for rule in role["rules"] if rule not in cluster["rules"]] == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("tenantry", "blue"), ("tenantry", "green")),
        (("blue", "tenantry"), ("blue", "tracking")),
        (("a", "b-c"), ("b", "c-a")),
        (("c", "a-b"), ("b-c", "a")),
    ],
)
def test_two_releases_of_one_cluster_do_not_meet(one: tuple[str, str], other: tuple[str, str]) -> None:
    """Not even in the names of what lies in other namespaces; nor do their operators own the same workspaces."""
    first, second = (
        {
            (it["kind"], it["metadata"].get("namespace"), it["metadata"]["name"])
            for option in _SCOPES
            for it in render(OPTIONS[option], release=release, namespace=namespace).objects
        }
        for release, namespace in (one, other)
    )
    assert first & second == set()
    assert _installation(*one) != _installation(*other)


def test_two_long_names_stay_two() -> None:
    names = {render({"fullnameOverride": f"{'long-' * 9}{it}"}).all("Deployment")[0]["metadata"]["name"] for it in "ab"}
    assert len(names) == 2


def test_the_installation_can_be_named() -> None:
    assert _installation("tenantry", "tenantry") == "tenantry"
    assert _installation("blue", "tracking") == "tracking.blue"
    labels = render({"installation": "first"}).one("Deployment", "tenantry-operator")["metadata"]["labels"]
    assert labels[_INSTALLATION] == "first"


def test_the_operator_is_told_which_role_it_may_hand_out_and_which_lease_it_holds() -> None:
    rendered = render({"installation": "first"}, release="blue")
    (container,) = rendered.one("Deployment", "blue-operator")["spec"]["template"]["spec"]["containers"]
    told = {it["name"]: it.get("value") for it in container["env"]}
    role = told["TENANTRY_WORKSPACE_ADMIN_ROLE"]
    assert rendered.one("ClusterRole", str(role))
    (bind,) = (rule for _, _, rule in _rules(rendered) if "bind" in rule["verbs"])
    assert bind["resourceNames"] == [role]
    assert _named(rendered, "blue-operator", "leases") == [f"tenantry-{told['TENANTRY_INSTALLATION']}"]


def test_the_uninstallation_looks_for_the_operator_by_its_names() -> None:
    rendered = render({"installation": "first", "fullnameOverride": "green"}, release="blue", namespace="tracking")
    (container,) = rendered.one("Job", "green-uninstall")["spec"]["template"]["spec"]["containers"]
    words = iter(container["command"][4:])
    given = dict(zip(words, words, strict=True))
    deployment = rendered.one("Deployment", given["--deployment"])
    assert deployment["metadata"]["namespace"] == given["--namespace"] == "tracking"
    assert _named(rendered, "green-operator", "leases") == [given["--lease"]]
    assert _named(rendered, "green-uninstall", "leases") == [given["--lease"]]
    assert _named(rendered, "green-uninstall", "deployments") == [given["--deployment"]]


def _named(rendered: Rendered, role: str, resource: str) -> list[str]:
    """The only names for which a role may get something."""
    (found,) = (
        rule["resourceNames"]
        for name, _, rule in _rules(rendered)
        if name == role and rule.get("resources") == [resource] and "get" in rule["verbs"]
    )
    return list(found)


def _cluster_role(rendered: Rendered) -> set[tuple[str, str]]:
    rules = rendered.one("ClusterRole", "tenantry:tenantry:tenantry:operator")["rules"]
    return {(verb, resource) for rule in rules for verb in rule["verbs"] for resource in rule.get("resources", [])}


def _installation(release: str, namespace: str) -> str:
    """As the operator is told of it, and as its pods are labelled: backends let in what bears this label."""
    (operator,) = render(release=release, namespace=namespace).all("Deployment")
    told = {it["name"]: it.get("value") for it in operator["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert told["TENANTRY_INSTALLATION"] == operator["spec"]["template"]["metadata"]["labels"][_INSTALLATION]
    return str(told["TENANTRY_INSTALLATION"])
