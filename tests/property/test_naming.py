"""Names of databases: whatever two projects are called, theirs differ and fit."""

import re

from hypothesis import given
from hypothesis import strategies as st

from tenantry_crds.meta import MAX_NAME
from tenantry_operator.facts import ProjectKey
from tenantry_operator.plan.naming import database_name, draft_name, template_name, user_id

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
