"""`tenantry audit verify`: exit codes for scripts, and words for people."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner

from tenantry_api.audit.keys import public_pem
from tenantry_api.cli.main import app
from tests.support.record import KEY, an_intent, some_leaves, write_export


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "key.pem").write_bytes(public_pem(KEY))
    (tmp_path / "other.pem").write_bytes(public_pem(Ed25519PrivateKey.generate()))
    write_export(tmp_path / "export", some_leaves(3)[:5])
    return tmp_path


def _verify(folder: Path, *more: str, export: str = "export", key: str = "key.pem") -> tuple[int, str]:
    arguments = ["audit", "verify", str(folder / export), "--key", str(folder / key), *more]
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.output


def test_an_export_that_is_intact_says_so_and_what_may_have_happened(folder: Path) -> None:
    code, said = _verify(folder)

    assert code == 0
    assert "intact: tenantry.example.org/vision, 5 records (3 intent, 2 outcome)" in said
    assert f"requests without an outcome (they may have happened): 1: {an_intent(2).id}" in said


def test_a_flipped_byte_names_the_record(folder: Path) -> None:
    events = folder / "export" / "events.jsonl"
    events.write_bytes(events.read_bytes().replace(b"bytes_out", b"bytes_ouT", 1))
    code, said = _verify(folder)

    assert code == 1
    assert f"record 1: the record was changed (event {an_intent(0).id})" in said


def test_an_older_checkpoint_is_compared(folder: Path) -> None:
    write_export(folder / "longer", some_leaves(3))
    code, said = _verify(folder, "--since", str(folder / "longer" / "checkpoint"))

    assert code == 1
    assert "record 5: the log was cut: it had 6 records at the older checkpoint" in said


@pytest.mark.parametrize(
    ("wrong", "code", "words"),
    [
        ({"export": "nothing"}, 2, "No such file"),
        ({"key": "nothing.pem"}, 2, "No such file"),
        ({"key": "export/checkpoint"}, 2, "neither PEM nor a verifier key"),
        ({"key": "other.pem"}, 1, "not signed with the key"),
    ],
)
def test_what_is_wrong_is_said_and_told_apart(folder: Path, wrong: dict[str, str], code: int, words: str) -> None:
    found, said = _verify(folder, **wrong)

    assert found == code
    assert words in said
