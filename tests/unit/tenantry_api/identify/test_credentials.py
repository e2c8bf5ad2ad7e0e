from __future__ import annotations

from base64 import b64encode

import pytest

from tenantry_api.facts import Refusal
from tenantry_api.identify.credentials import (
    Credential,
    SessionCookie,
    TokenSecret,
    WorkloadToken,
    read_bearer,
    read_credential,
)
from tenantry_api.identify.secrets import new_token

ORIGIN = "https://tracking.example.org"
COOKIE = "__Host-tenantry_session"
TOKEN = new_token()

Headers = list[tuple[bytes, bytes]]


def read(method: str, headers: Headers) -> Credential | Refusal:
    return read_credential(method, headers, cookie=COOKIE, origin=ORIGIN)


def bearer(value: str) -> tuple[bytes, bytes]:
    return (b"authorization", b"Bearer " + value.encode())


def basic(pair: str) -> tuple[bytes, bytes]:
    return (b"authorization", b"Basic " + b64encode(pair.encode()))


def session(value: str = "s") -> tuple[bytes, bytes]:
    return (b"cookie", f"theme=dark; {COOKIE}={value}".encode())


@pytest.mark.parametrize(
    "header",
    [
        bearer(TOKEN),
        (b"authorization", b"bearer  " + TOKEN.encode()),
        basic(f"alice:{TOKEN}"),
        basic(f":{TOKEN}"),
        basic(f"anybody at all:{TOKEN}"),
    ],
)
def test_a_token_is_read_from_bearer_and_from_basic(header: tuple[bytes, bytes]) -> None:
    assert read("POST", [header]) == TokenSecret(TOKEN)


@pytest.mark.parametrize("jwt", ["eyJh.eyJh.c2ln", "eyJh.eyJh."])
def test_what_has_the_shape_of_a_web_token_is_left_to_its_signature(jwt: str) -> None:
    assert read("POST", [bearer(jwt)]) == read("POST", [basic(f"pod:{jwt}")]) == WorkloadToken(jwt)


def test_a_token_wins_over_a_cookie() -> None:
    assert read("POST", [session(), bearer(TOKEN)]) == TokenSecret(TOKEN)


REFUSED: dict[str, tuple[Headers, int, str]] = {
    "nothing": ([], 401, "credentials_missing"),
    "somebody else's cookie": ([(b"cookie", b"theme=dark")], 401, "credentials_missing"),
    "the cookie's name without its prefix": ([(b"cookie", b"tenantry_session=s")], 401, "credentials_missing"),
    "two Authorization headers": ([bearer(TOKEN), bearer(TOKEN)], 401, "authorization_repeated"),
    "Bearer beside Basic": ([bearer(TOKEN), basic(f"a:{TOKEN}")], 401, "authorization_repeated"),
    "another scheme": ([(b"authorization", b"Digest x")], 401, "authorization_unsupported"),
    "an empty header": ([(b"authorization", b"")], 401, "authorization_unsupported"),
    "an invented token": ([bearer("tnt_" + "A" * 49)], 401, "token_malformed"),
    "two dots and no more": ([bearer("..")], 401, "token_malformed"),
    "a token of three parts that is too long": ([bearer("eyJh." + "e" * 8192 + ".c2ln")], 401, "token_malformed"),
    "bytes that are not text": ([(b"authorization", b"Bearer \xff\xfe")], 401, "token_malformed"),
    "Basic that is not base64": ([(b"authorization", b"Basic !!!")], 401, "authorization_malformed"),
    "Basic without a colon": ([(b"authorization", b"Basic " + b64encode(b"abc"))], 401, "authorization_malformed"),
    "a password": ([basic("alice:hunter2")], 401, "token_malformed"),
    "a bad token beside a good cookie": ([session(), bearer("nonsense")], 401, "token_malformed"),
    "two session cookies": ([session("a"), session("b")], 401, "session_repeated"),
    "two in one header": ([(b"cookie", f"{COOKIE}=a; {COOKIE}=b".encode())], 401, "session_repeated"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused_with_a_stable_word(name: str) -> None:
    headers, status, reason = REFUSED[name]
    refusal = read("GET", headers)
    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.reason) == (status, reason)
    assert refusal.code == "UNAUTHENTICATED"


SITES: dict[str, tuple[Headers, bool]] = {
    "our own page": ([(b"sec-fetch-site", b"same-origin"), (b"origin", ORIGIN.encode())], True),
    "our own page, a browser that sends no Origin": ([(b"sec-fetch-site", b"same-origin")], True),
    "our own page, an old browser": ([(b"origin", ORIGIN.encode())], True),
    "another site": ([(b"sec-fetch-site", b"cross-site"), (b"origin", b"https://evil.example")], False),
    "another site that sends our Origin": ([(b"sec-fetch-site", b"cross-site"), (b"origin", ORIGIN.encode())], False),
    "a sibling of our site": ([(b"sec-fetch-site", b"same-site")], False),
    "typed by hand": ([(b"sec-fetch-site", b"none")], False),
    "another port": ([(b"origin", (ORIGIN + ":8443").encode())], False),
    "without TLS": ([(b"origin", b"http://tracking.example.org")], False),
    "a sandboxed frame": ([(b"origin", b"null")], False),
    "two origins": ([(b"origin", ORIGIN.encode()), (b"origin", b"https://evil.example")], False),
    "neither header": ([], False),
}


@pytest.mark.parametrize("name", SITES)
@pytest.mark.parametrize("method", ["DELETE", "PATCH", "POST", "PUT", "TRACE", "UNHEARD"])
def test_a_session_changes_things_from_our_own_pages_only(name: str, method: str) -> None:
    headers, allowed = SITES[name]
    credential = read(method, [session(), *headers])
    if allowed:
        assert credential == SessionCookie("s")
    else:
        assert isinstance(credential, Refusal)
        assert (credential.status, credential.reason) == (403, "cross_site")


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_a_session_reads_from_anywhere(method: str) -> None:
    """A link on another site may lead here; SameSite keeps the cookie from everything else."""
    assert read(method, [session(), (b"sec-fetch-site", b"cross-site")]) == SessionCookie("s")


def test_a_token_needs_no_origin() -> None:
    assert read("POST", [bearer(TOKEN), (b"sec-fetch-site", b"cross-site")]) == TokenSecret(TOKEN)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([bearer("a.b.c")], "a.b.c"),
        ([basic("a:b")], None),
        ([], None),
        ([bearer("a.b.c"), bearer("a.b.c")], None),
    ],
)
def test_read_bearer(headers: Headers, expected: str | None) -> None:
    assert read_bearer(headers) == expected
