"""The Kubernetes objects of a plan, held against files that a person reads, and what must be true of each of them."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator
from typing import Any, Final

import pytest
import yaml
from pydantic import SecretStr

from tenantry_crds.workspace import Workspace
from tenantry_operator.facts import BucketKey, Buckets, Egress, ServerPlan, Site
from tenantry_operator.plan.objects import backend_objects, workspace_objects
from tenantry_operator.plan.project import plan_project
from tenantry_operator.plan.server import plan_server
from tenantry_operator.plan.workspace import plan_workspace
from tests.support.plans import GOLDEN, resources

SITE: Final = Site(
    installation="tenantry",
    namespace="tenantry-system",
    image="registry.example.org/tenantry-backend@sha256:0123",
    database=Egress((5432,), json.dumps([{"ipBlock": {"cidr": "10.1.2.3/32"}}])),
    storage=Egress((443,)),
    dns=Egress((53,)),
    pull_secrets=("registry",),
    endpoint="https://s3.example.org",
    database_authority="-----BEGIN CERTIFICATE-----\nof the database\n-----END CERTIFICATE-----\n",
    storage_authority="-----BEGIN CERTIFICATE-----\nof the storage\n-----END CERTIFICATE-----\n",
    admin_role="tenantry:workspace-admin",
)
KEY: Final = BucketKey("AKIA0123", SecretStr("key-secret"))
DATABASE: Final = SecretStr("postgresql://role:pass-word@db.example.org:5432/db?sslmode=verify-full&sslrootcert=/ours")
GUARD: Final = SecretStr("guard-secret")


def server_plan(case: str) -> ServerPlan:
    workspace, project = resources(case)
    return plan_server(plan_project(project, workspace, Buckets("shared")), DATABASE, KEY)


def objects(case: str) -> list[dict[str, Any]]:
    workspace, _ = resources(case)
    return [
        *workspace_objects(plan_workspace(workspace), SITE),
        *backend_objects(server_plan(case), GUARD, SITE),
    ]


@pytest.mark.parametrize("case", ["defaults", "full", "long_names"])
def test_a_plan_becomes_the_objects_in_the_golden_file(case: str, *, update_golden: bool) -> None:
    text = yaml.safe_dump_all(objects(case), sort_keys=False, width=120)
    expected = GOLDEN.parent / "objects" / f"{case}.yaml"
    if update_golden:
        expected.write_text(text)
    assert text == expected.read_text()


def test_what_is_secret_stands_in_the_secret_alone() -> None:
    others = json.dumps([one for one in objects("full") if one["kind"] != "Secret"])
    for secret in ("pass-word", "key-secret", "guard-secret", "AKIA0123"):
        assert secret not in others
    (secret_object,) = (one for one in objects("full") if one["kind"] == "Secret")
    settings = json.loads(b64decode(secret_object["data"]["settings.json"]))
    assert settings["secret"] == "guard-secret"
    assert settings["s3"]["secret_key"] == "key-secret"
    assert settings["s3"]["ca_file"] == "/etc/tenantry/backend/storage-ca.crt"
    assert b64decode(secret_object["data"]["storage-ca.crt"]).decode() == SITE.storage_authority
    assert settings["database_url"].endswith("?sslmode=verify-full&sslrootcert=/etc/tenantry/backend/ca.crt")


def test_the_budget_of_the_decision_selects_a_projects_pods() -> None:
    page = (GOLDEN.parents[2] / "docs" / "decisions" / "0011-backends-have-no-disruption-budget.md").read_text()
    budget = yaml.safe_load(page.partition("```yaml\n")[2].partition("```")[0])
    deployment = objects("full")[-1]
    assert budget["metadata"]["namespace"] == deployment["metadata"]["namespace"]
    selected = budget["spec"]["selector"]["matchLabels"].items()
    assert selected <= deployment["spec"]["template"]["metadata"]["labels"].items()


def names(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, part in value.items():
            if name == "name" and isinstance(part, str):
                yield part
            yield from names(part)
    elif isinstance(value, list):
        for part in value:
            yield from names(part)


def test_no_name_is_longer_than_kubernetes_takes() -> None:
    assert max(map(len, names(objects("long_names")))) <= 63


@pytest.mark.parametrize(
    ("grants", "bound"),
    [
        ([{"role": "admin", "users": ["ada@example.org"], "groups": ["leads"]}], ["leads", "ada@example.org"]),
        ([{"role": "viewer", "groups": ["leads"]}], []),
        ([{"role": "admin", "serviceAccounts": [{"namespace": "ci", "name": "leads"}]}], []),
        ([{"role": "admin", "groups": ["leads"], "expires": "2027-01-01T00:00:00Z"}], []),
        ([{"role": "admin", "groups": ["leads"]}, {"role": "admin", "groups": ["leads"], "effect": "deny"}], []),
        (
            [{"role": "admin", "groups": ["leads"]}, {"role": "viewer", "groups": ["leads"], "effect": "deny"}],
            ["leads"],
        ),
    ],
    ids=["admins", "another role", "a service account", "one that ends", "one that is denied", "another denied"],
)
def test_the_cluster_knows_the_admins_that_stay(grants: list[dict[str, Any]], bound: list[str]) -> None:
    head = {"apiVersion": "tenantry.dev/v1alpha1", "kind": "Workspace", "metadata": {"name": "vision"}}
    workspace = Workspace.model_validate({**head, "spec": {"access": grants}})
    made = workspace_objects(plan_workspace(workspace), SITE)
    bindings = [one for one in made if one["kind"] == "RoleBinding"]
    assert [subject["name"] for one in bindings for subject in one["subjects"]] == bound


def test_another_credential_is_another_pod() -> None:
    def template(key: BucketKey) -> object:
        workspace, project = resources("full")
        plan = plan_server(plan_project(project, workspace, Buckets("shared")), DATABASE, key)
        return backend_objects(plan, GUARD, SITE)[-1]["spec"]["template"]

    assert template(KEY) == template(KEY)
    assert template(KEY) != template(BucketKey("AKIA0124", SecretStr("another")))
