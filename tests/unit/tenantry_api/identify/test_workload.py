from __future__ import annotations

import hmac
import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping

import pytest
from joserfc.jwk import ECKey, OctKey

from tenantry_api.facts import Principal, PrincipalKind, Refusal
from tenantry_api.identify.workload import LEEWAY, Workloads
from tests.support.workload import AUDIENCE, CLUSTER, Signer, claims_of, new_ec_signer, new_rsa_signer

RSA, EC = new_rsa_signer(), new_ec_signer()
SIGNERS = (RSA, EC)
NOW = int(time.time())


def believed(token: str, *signers: Signer, keys: Mapping[tuple[str, str], Mapping[str, object]] | None = None) -> str:
    """The name of whom it is of, or the reason why it is not believed."""
    published = {(CLUSTER, signer.kid): signer.public for signer in signers or SIGNERS} if keys is None else keys
    found = Workloads(lambda: published, AUDIENCE, lambda: NOW).identify(token)
    return found.name if isinstance(found, Principal) else found.reason


@pytest.mark.parametrize("signer", SIGNERS, ids=lambda signer: signer.algorithm)
def test_a_projected_token_says_which_service_account_asks(signer: Signer) -> None:
    found = Workloads(lambda: {(CLUSTER, signer.kid): signer.public}, AUDIENCE).identify(signer.token())
    assert found == Principal(
        kind=PrincipalKind.SERVICE_ACCOUNT,
        name="train/runner",
        issuer=CLUSTER,
        subject="system:serviceaccount:train:runner",
        token_id="5f3e9a2c-6c1f-4d53-9f0e-1d2a3b4c5d6e",
    )


ACCEPTED = {
    "one audience, as a text": claims_of(aud=AUDIENCE),
    "our audience among others": claims_of(aud=["https://kubernetes.default.svc", AUDIENCE]),
    "an older cluster's, without an id": claims_of(jti=None),
    "without a beginning": claims_of(nbf=None),
    "a name with dots": claims_of(name="runner.v2"),
    "ended a moment ago by our clock": claims_of(at=NOW, lifetime=-LEEWAY // 2),
    "begins in a moment by our clock": claims_of(nbf=NOW + LEEWAY // 2),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_what_clusters_differ_in_is_accepted(case: str) -> None:
    assert believed(RSA.token(ACCEPTED[case])).startswith("train/runner")


def _kubernetes(**changed: object) -> dict[str, object]:
    return {"kubernetes.io": claims_of()["kubernetes.io"] | changed}


REFUSED: dict[str, tuple[dict[str, object], str]] = {
    "another audience": ({"aud": ["https://kubernetes.default.svc"]}, "workload_audience"),
    "a part of our audience": ({"aud": [AUDIENCE[:-1]]}, "workload_audience"),
    "no audience in a list": ({"aud": []}, "workload_audience"),
    "no audience": ({"aud": None}, "workload_legacy"),
    "no end": ({"exp": None}, "workload_legacy"),
    "an issuer of old": ({"iss": "kubernetes/serviceaccount", "exp": None, "aud": None}, "workload_legacy"),
    "ended": ({"exp": NOW - LEEWAY - 5}, "workload_expired"),
    "an end that is no number": ({"exp": "never"}, "workload_claims"),
    "an end that is true": ({"exp": True}, "workload_claims"),
    "not begun": ({"nbf": NOW + LEEWAY + 60}, "workload_early"),
    "another issuer": ({"iss": CLUSTER + "/"}, "workload_issuer_unknown"),
    "no issuer": ({"iss": None}, "workload_malformed"),
    "an issuer that is a list": ({"iss": [CLUSTER]}, "workload_malformed"),
    "no claim of Kubernetes": ({"kubernetes.io": None}, "workload_claims"),
    "no service account": (_kubernetes(serviceaccount=None), "workload_claims"),
    "another namespace than its subject": (_kubernetes(namespace="prod"), "workload_claims"),
    "another name than its subject": (_kubernetes(serviceaccount={"name": "admin"}), "workload_claims"),
    "a name with a slash": (_kubernetes(serviceaccount={"name": "a/b"}), "workload_claims"),
    "a subject that is no service account": ({"sub": "alice"}, "workload_claims"),
    "no subject": ({"sub": None}, "workload_claims"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_token_that_the_cluster_signed_for_something_else_is_refused(case: str) -> None:
    changed, reason = REFUSED[case]
    assert believed(RSA.token(claims_of(at=NOW, **changed))) == reason


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _encoded(value: object) -> str:
    return _base64(json.dumps(value).encode())


def _made(header: dict[str, object], signature: str = "") -> str:
    return f"{_encoded(header)}.{_encoded(claims_of())}.{signature}"


def _signed_with_the_public_key() -> str:
    """As a library makes it that does not look: HMAC with the bytes that everybody can read."""
    signed = _made({"alg": "HS256", "kid": RSA.kid}).rpartition(".")[0]
    return f"{signed}.{_base64(hmac.digest(RSA.key.as_pem(private=False), signed.encode(), 'sha256'))}"


def _swapped() -> str:
    """The signature of one token under the claims of another."""
    head, _, signature = RSA.token().split(".")
    return f"{head}.{_encoded(claims_of(name='admin'))}.{signature}"


STRANGER = new_rsa_signer(RSA.kid)

FORGED = {
    "no algorithm": (_made({"alg": "none", "kid": RSA.kid}), "workload_algorithm"),
    "no algorithm, in capitals": (_made({"alg": "NONE", "kid": RSA.kid}), "workload_algorithm"),
    "the public key as a secret": (_signed_with_the_public_key(), "workload_algorithm"),
    "another key's algorithm": (_made({"alg": "ES256", "kid": RSA.kid}, "c2ln"), "workload_algorithm"),
    "a key of somebody else under a known name": (STRANGER.token(), "workload_signature"),
    "an unknown key": (new_rsa_signer("rsa-2").token(), "workload_key_unknown"),
    "no name of a key": (_made({"alg": "RS256"}, "c2ln"), "workload_key_unknown"),
    "its own key brought along": (STRANGER.token(jwk=dict(STRANGER.public)), "workload_signature"),
    "an extension that must be understood": (
        _made({"alg": "RS256", "kid": RSA.kid, "crit": ["b64"]}),
        "workload_malformed",
    ),
    "other claims": (_swapped(), "workload_signature"),
    "no signature": (RSA.token().rpartition(".")[0] + ".", "workload_signature"),
    "a header that is no object": (f"{_encoded([1])}.{_encoded({})}.c2ln", "workload_malformed"),
    "a header that nests without end": (f"{_base64(b'[' * 4000)}.e30.c2ln", "workload_malformed"),
    "claims that are no object": (
        f"{_encoded({'alg': 'RS256', 'kid': 'rsa-1'})}.{_encoded(7)}.c2ln",
        "workload_malformed",
    ),
    "bytes that are no text": ("_v8.e30.c2ln", "workload_malformed"),
}


@pytest.mark.parametrize("case", FORGED)
def test_a_token_that_the_cluster_did_not_sign_is_refused(case: str) -> None:
    token, reason = FORGED[case]
    assert believed(token) == reason


UNUSABLE: dict[str, dict[str, object]] = {
    "a weak RSA key": {"kty": "RSA", "n": _base64(b"\xff" * 128), "e": "AQAB"},
    "another curve": ECKey.generate_key("P-384").as_dict(private=False),
    "a secret": OctKey.generate_key(256).as_dict(),
    "no key at all": {},
    "not base64": {"kty": "RSA", "n": "!", "e": "AQAB"},
    "no numbers": {"kty": "RSA", "n": 7, "e": None},
    "a point off the curve": {"kty": "EC", "crv": "P-256", "x": "AQ", "y": "AQ"},
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_a_published_key_that_is_not_fit_signs_nobody_in(case: str) -> None:
    keys = {(CLUSTER, RSA.kid): UNUSABLE[case]}
    assert believed(RSA.token(), keys=keys) in {"workload_key_unusable", "workload_signature", "workload_algorithm"}


def test_a_key_counts_from_the_moment_when_it_is_published_to_the_moment_when_it_is_not() -> None:
    keys: dict[tuple[str, str], Mapping[str, object]] = {(CLUSTER, EC.kid): EC.public}
    workloads = Workloads(lambda: keys, AUDIENCE)
    token = RSA.token()

    def reason() -> str:
        found = workloads.identify(token)
        return found.reason if isinstance(found, Refusal) else "believed"

    seen = [reason()]
    keys[CLUSTER, RSA.kid] = RSA.public
    seen.append(reason())
    keys[CLUSTER, RSA.kid] = STRANGER.public
    seen.append(reason())
    del keys[CLUSTER, RSA.kid]
    seen.append(reason())
    assert seen == ["workload_key_unknown", "believed", "workload_signature", "workload_key_unknown"]


def test_nothing_is_believed_where_nothing_is_published() -> None:
    assert believed(RSA.token(), keys={}) == "workload_issuer_unknown"


def test_another_spelling_of_the_same_bytes_is_another_token() -> None:
    token = RSA.token()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    other = token[:-1] + alphabet[alphabet.index(token[-1]) ^ 1]
    assert _bytes(other) == _bytes(token)
    assert believed(other) == "workload_malformed"


def _bytes(token: str) -> bytes:
    return urlsafe_b64decode(token.rpartition(".")[2] + "==")
