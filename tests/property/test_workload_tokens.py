"""Whatever is changed in a token, it is nobody's: no byte of one can be turned into somebody else's."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tenantry_api.facts import Principal, Refusal
from tenantry_api.identify.workload import Workloads, is_workload_token
from tests.support.workload import AUDIENCE, CLUSTER, new_ec_signer, new_rsa_signer

SIGNERS = (new_rsa_signer(), new_ec_signer())
TOKENS = tuple(signer.token() for signer in SIGNERS)
WORKLOADS = Workloads(lambda: {(CLUSTER, signer.kid): signer.public for signer in SIGNERS}, AUDIENCE)

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."


def test_the_tokens_themselves_are_believed() -> None:
    assert all(isinstance(WORKLOADS.identify(token), Principal) for token in TOKENS)


@given(st.sampled_from(TOKENS), st.integers(min_value=0), st.sampled_from(ALPHABET))
def test_a_token_with_one_other_character_is_refused(token: str, place: int, character: str) -> None:
    place %= len(token)
    changed = token[:place] + character + token[place + 1 :]
    if changed != token and is_workload_token(changed):
        assert isinstance(WORKLOADS.identify(changed), Refusal)


@given(st.sampled_from(TOKENS), st.data())
def test_a_token_with_a_part_cut_out_or_put_in_is_refused(token: str, data: st.DataObject) -> None:
    start, stop = sorted(data.draw(st.tuples(*[st.integers(0, len(token))] * 2), label="from, to"))
    changed = token[:start] + data.draw(st.text(ALPHABET, max_size=40), label="in its place") + token[stop:]
    if changed != token and is_workload_token(changed):
        assert isinstance(WORKLOADS.identify(changed), Refusal)


@given(st.lists(st.text(ALPHABET[:-1], min_size=1, max_size=80), min_size=3, max_size=3))
def test_three_invented_parts_are_refused(parts: list[str]) -> None:
    assert isinstance(WORKLOADS.identify(".".join(parts)), Refusal)


@given(st.permutations([part for token in TOKENS for part in token.split(".")]))
def test_parts_of_tokens_do_not_make_another(parts: list[str]) -> None:
    made = ".".join(parts[:3])
    if made not in TOKENS:
        assert isinstance(WORKLOADS.identify(made), Refusal)
