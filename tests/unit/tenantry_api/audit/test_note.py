"""Signed notes and checkpoints, against the example of c2sp.org/signed-note."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tenantry_api.audit.checkpoint import Checkpoint, open_checkpoint, read_checkpoint, sign_checkpoint
from tenantry_api.audit.keys import load_signing_key, make_signing_key, public_pem, verifier
from tenantry_api.audit.note import KeyUnreadable, NoteInvalid, VerifierKey, check, read_key, sign, split
from tests.support.record import KEY, ORIGIN

SPECIFICATION_KEY = b"example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SPECIFICATION_NOTE = (
    "This is an example message.\n\n— example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
).encode()

CHECKPOINT = Checkpoint(ORIGIN, 42, bytes(32))


def test_the_specifications_example_verifies() -> None:
    text, signatures = split(SPECIFICATION_NOTE)
    key = read_key(SPECIFICATION_KEY)

    check(text, signatures, "example.com/foo", key)
    assert key.line("example.com/foo").encode() == SPECIFICATION_KEY


@pytest.mark.parametrize(
    ("was", "becomes", "why"),
    [
        ("message", "massage", "not of this text"),
        ("IneyaQM=", "IneyaQN=", "canonical base64"),
        ("IneyaQM=", "IneyaQM", "not base64"),
        ("Uw2QOk", "Uw3QOk", "this key did not sign"),
        ("— example.com/foo", "— example.com/bar", "this key did not sign"),
        ("— example", "- example", "not of the form"),
        ("\n\n", "\n", "no empty line"),
    ],
)
def test_a_changed_note_is_refused(was: str, becomes: str, why: str) -> None:
    note = SPECIFICATION_NOTE.decode().replace(was, becomes, 1).encode()

    with pytest.raises(NoteInvalid, match=why):
        check(*split(note), "example.com/foo", read_key(SPECIFICATION_KEY))


def test_signatures_of_others_are_ignored() -> None:
    note = sign(CHECKPOINT.text, ORIGIN, KEY)
    witness = sign(CHECKPOINT.text, "witness.example.org", Ed25519PrivateKey.generate())

    assert open_checkpoint(note + split(witness)[1], verifier(KEY)) == CHECKPOINT


def test_a_checkpoint_survives_its_note() -> None:
    assert open_checkpoint(sign_checkpoint(CHECKPOINT, KEY), verifier(KEY, ORIGIN)) == CHECKPOINT


def test_a_key_of_another_log_is_refused() -> None:
    with pytest.raises(NoteInvalid, match="is called 'tenantry"):
        open_checkpoint(sign_checkpoint(CHECKPOINT, KEY), verifier(KEY, "tenantry.example.org/language"))


@pytest.mark.parametrize(
    "text",
    [
        "origin\n042\nAAAA\n",
        "origin\n-1\nAAAA\n",
        "origin\n4\nAAAB=\n",
        "origin\n4\n",
        "\n4\nAAAA\n",
        "origin\n4\nAAAA\nan extension\n",
        "origin\nfour\nAAAA\n",
    ],
)
def test_what_is_not_written_as_a_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(NoteInvalid):
        read_checkpoint(sign(text.encode(), "origin", KEY))


def test_a_key_is_read_back_from_its_files(tmp_path: Path) -> None:
    made = make_signing_key(tmp_path / "key.pem")

    assert (tmp_path / "key.pem").stat().st_mode & 0o777 == 0o600
    assert load_signing_key(tmp_path / "key.pem").private_bytes_raw() == made.private_bytes_raw()
    assert read_key(public_pem(made)) == verifier(made)


def test_a_key_is_never_replaced(tmp_path: Path) -> None:
    make_signing_key(tmp_path / "key.pem")

    with pytest.raises(FileExistsError):
        make_signing_key(tmp_path / "key.pem")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "not an unencrypted PEM private key"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "not an unencrypted PEM private key"),
    ],
)
def test_a_signing_key_that_cannot_be_read_is_named(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "key.pem").write_bytes(content)

    with pytest.raises(KeyUnreadable, match=why):
        load_signing_key(tmp_path / "key.pem")
    with pytest.raises(KeyUnreadable, match="No such file"):
        load_signing_key(tmp_path / "missing.pem")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"name+00000000+AAAA",
        SPECIFICATION_KEY.replace(b"530d903a", b"530d903b"),
        SPECIFICATION_KEY.replace(b"+Ae", b"+Be"),
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        VerifierKey(bytes(32)).line("x").encode() + b"A",
    ],
)
def test_what_is_no_public_key_is_refused(content: bytes) -> None:
    with pytest.raises(KeyUnreadable):
        read_key(content)
