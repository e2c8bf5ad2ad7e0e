"""The API server and our models judge alike, whatever is written into a field: see docs/decisions/0005."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tenantry_crds.manifest import InvalidManifest, parse
from tests.support.apiserver import ApiServer
from tests.support.kinds import create
from tests.support.manifests import grant, project, workspace

# What the two languages of patterns might see differently: each kind of space, of control character and of letter.
_TEXTS = st.text(st.sampled_from("aAzé1_-./: \t\n\v\f\r\0\x1c\x1f\x7f\x85\xa0\u2028İ"), max_size=6)
_TIMES = st.tuples(
    st.sampled_from(["2027-01-31", "2027-02-29", "0000-01-01", "0001-01-01", "9999-12-31"]),
    st.sampled_from(["T00:00:00", "t00:00:00", "T23:59:60", "T24:00:00", " 00:00:00"]),
    st.sampled_from(["", ".5", ",5", "x5", ".", ".1234567890"]),
    st.sampled_from(["Z", "z", "+23:59", "+24:00", "-99:99", "", "Zt", "Z\n"]),
).map("".join)
_NUMBERS = st.from_regex(r"[-+ ]?[0-9]{1,13}(\.[0-9]{0,4})?(m|k|K|M|Ki|d|h|s)?[0-9]?(m|s|\n)?", fullmatch=True)

_DOCUMENTS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "a title": _TEXTS.map(lambda text: project(displayName=text)),
    "an owner": _TEXTS.map(lambda text: project(owner=f"group:{text}")),
    "a user": _TEXTS.map(lambda text: grant(users=[f"a{text}"])),
    "a group": _TEXTS.map(lambda text: grant(groups=[f"a{text}"])),
    "a service account": _TEXTS.map(lambda text: grant(serviceAccounts=[{"namespace": "a", "name": f"a{text}"}])),
    "a namespace": _TEXTS.map(lambda text: grant(serviceAccounts=[{"namespace": f"a{text}", "name": "a"}])),
    "an expiry": _TIMES.map(lambda time: grant(expires=time)),
    "a bucket": _TEXTS.map(lambda text: project(artifacts={"bucket": f"a{text}a"})),
    "a prefix": _TEXTS.map(lambda text: project(artifacts={"bucket": "roads", "prefix": f"{text}/"})),
    "a Secret": _TEXTS.map(lambda text: project(artifacts={"secretName": text})),
    "a tag": _TEXTS.map(lambda text: project(policy={"requiredTags": [text]})),
    "an alias": _TEXTS.map(lambda text: project(promotion={"protectedAliases": [text]})),
    "a duration": _NUMBERS.map(lambda number: project(hibernation={"after": number})),
    "an amount": _NUMBERS.map(lambda number: workspace(quota={"memory": number})),
}


def _refusal(document: dict[str, Any]) -> str:
    try:
        parse(document)
    except InvalidManifest as error:
        return str(error)
    return ""


@pytest.mark.parametrize("field", _DOCUMENTS)
def test_what_one_of_them_refuses_the_other_refuses(kubernetes: ApiServer, field: str) -> None:
    @settings(max_examples=60, deadline=None, database=None)
    @given(_DOCUMENTS[field])
    def holds(document: dict[str, Any]) -> None:
        answer = create(kubernetes, document, dry=True)
        refusal = _refusal(document)
        assert (answer.status == 201) == (not refusal), (answer.body, refusal)

    holds()
