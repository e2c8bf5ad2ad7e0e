"""Passing through the door twice changes nothing more, and nothing of a client's identity comes through once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tenantry_api.facts import Action, Kind, Permission
from tenantry_api.forward.headers import backend_headers, client_headers

NAMES = st.one_of(
    st.sampled_from(["accept", "authorization", "connection", "content-length", "content-security-policy"]),
    st.sampled_from(["content-type", "cookie", "etag", "forwarded", "host", "keep-alive", "location", "origin"]),
    st.sampled_from(["range", "server", "set-cookie", "transfer-encoding", "user-agent", "vary", "x-other"]),
    st.sampled_from(["x-content-type-options", "x-forwarded-for", "x-mlflow-workspace", "x-remote-user"]),
    st.sampled_from(["x-tenantry-backend-secret", "x-tenantry-request-id"]),
    st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=12),
)
VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=20)
HEADERS = st.lists(st.tuples(NAMES, VALUES).map(lambda item: (item[0].encode(), item[1].encode("latin-1"))), max_size=8)
ACTIONS = st.builds(
    Action,
    kind=st.just(Kind.MUTATION),
    permission=st.just(Permission.TRACKING_WRITE),
    operation=st.just("X"),
    method=st.just("POST"),
    path=st.just("/"),
    content_type=st.none() | st.just("application/json"),
    content_length=st.none() | st.integers(0, 99),
)


@given(HEADERS, ACTIONS)
def test_to_the_backend(received: list[tuple[bytes, bytes]], action: Action) -> None:
    once = backend_headers(received, action, "s3cret")
    again = [(name.encode(), value.encode("latin-1")) for name, value in once]
    assert backend_headers(again, action, "s3cret") == once
    assert [value for name, value in once if name == "x-tenantry-backend-secret"] == ["s3cret"]
    assert {name for name, _ in once}.isdisjoint({"authorization", "cookie", "host", "origin", "x-mlflow-workspace"})


@given(HEADERS)
def test_to_the_client(received: list[tuple[bytes, bytes]]) -> None:
    once = client_headers(received, request_id="42")
    assert client_headers(once, request_id="42") == once
    assert [value for name, value in once if name == b"x-tenantry-request-id"] == [b"42"]
    assert {name for name, _ in once}.isdisjoint({b"set-cookie", b"location", b"server", b"transfer-encoding"})
    assert len([name for name, _ in once if name == b"content-security-policy"]) == 1
