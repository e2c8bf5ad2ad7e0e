"""Names of what is made for a project: whatever two projects are called, theirs differ, fit, and are taken."""

import re

from hypothesis import example, given
from hypothesis import strategies as st

from tenantry_crds.meta import MAX_NAME
from tenantry_crds.project import ArtifactStore, Tracking
from tenantry_operator.facts import Buckets, ProjectKey
from tenantry_operator.plan.artifacts import plan_artifacts
from tenantry_operator.plan.database import plan_database
from tenantry_operator.plan.naming import bucket_name, database_name, draft_name, template_name, user_id
from tenantry_operator.plan.objects.metadata import backend_name, namespace
from tenantry_operator.provision.credential import names_of
from tenantry_operator.runtime.kubernetes.pods import guard_name
from tenantry_operator.runtime.kubernetes.secrets import secret_name

# Few letters, so that names that only differ in where the parts meet come up often.
names = st.from_regex(rf"[ab]([-ab]{{0,{MAX_NAME - 2}}}[ab])?", fullmatch=True)
keys = st.builds(ProjectKey, names, names)


@given(keys)
def test_every_name_fits_into_what_postgresql_keeps(key: ProjectKey) -> None:
    assert len(draft_name(database_name(key)).encode()) <= 63


@given(keys, keys)
def test_different_projects_have_different_databases(one: ProjectKey, other: ProjectKey) -> None:
    assert (database_name(one) == database_name(other)) == (one == other)


@given(keys, keys)
def test_no_draft_and_no_template_has_the_name_of_a_project(one: ProjectKey, other: ProjectKey) -> None:
    assert database_name(one) not in {draft_name(database_name(other)), template_name("3.17.2")}


@given(keys)
def test_a_name_says_whose_it_is(key: ProjectKey) -> None:
    assert re.fullmatch(r"tnt_[-a-z0-9]+_[-a-z0-9]+(_[0-9a-f]{16})?", database_name(key))


@given(keys)
def test_a_uid_is_one_that_nobody_else_hands_out(key: ProjectKey) -> None:
    assert 0x7000_0000 <= user_id(key) < 0x7FFF_FFFF


# https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def is_subdomain(name: str) -> bool:
    return len(name) <= 253 and all(LABEL.fullmatch(label) for label in name.split("."))


def secret_names(key: ProjectKey) -> list[str]:
    kept = names_of(plan_database(key, Buckets(), Tracking()), plan_artifacts(key, Buckets(), ArtifactStore()))
    return [secret_name("tracking.tenantry", name) for name in (*kept, guard_name(key))]


@given(keys)
@example(ProjectKey("natural-language-research", "cross-lingual-rag-evaluation-suite-2026"))
def test_kubernetes_takes_the_name_of_each_secret(key: ProjectKey) -> None:
    assert all(is_subdomain(name) for name in secret_names(key))


@given(keys, keys)
@example(ProjectKey("a" * 17 + "-b", "a" * 40), ProjectKey("a" * 17 + "--b", "a" * 40))
def test_no_two_secrets_have_one_name(one: ProjectKey, other: ProjectKey) -> None:
    assert len({*secret_names(one), *secret_names(other)}) == (3 if one == other else 6)


@given(keys)
def test_kubernetes_and_s3_take_every_other_name(key: ProjectKey) -> None:
    for name in (namespace(key), backend_name(key), bucket_name(key), key.workspace, key.project):
        assert LABEL.fullmatch(name)
