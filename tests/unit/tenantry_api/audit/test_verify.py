"""What an auditor finds out with a bundle and a public key. Each bundle is made without the code that exports."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tenantry_api.audit.bundle import Bundle, BundleUnreadable
from tenantry_api.audit.keys import verifier
from tenantry_api.audit.verify import Finding, verify
from tests.support.record import KEY, ORIGIN, an_intent, some_leaves, write_export

LEAVES = some_leaves(4)
# Of each record, the id that it shows.
IDS = [str(an_intent(nth // 2).id) for nth in range(8)]
DESCRIBED = Finding("events.jsonl is not the file that manifest.json describes")


@pytest.fixture
def export(tmp_path: Path) -> Path:
    return write_export(tmp_path / "export", LEAVES)


def _rewrite(export: Path, change: Callable[[list[bytes]], list[bytes]], name: str = "events.jsonl") -> None:
    lines = (export / name).read_bytes().splitlines(keepends=True)
    (export / name).write_bytes(b"".join(change(lines)))


def test_an_export_as_it_was_made_is_intact(export: Path) -> None:
    report = verify(Bundle(export), verifier(KEY))

    assert report.intact
    assert (report.origin, report.size, report.stages) == (ORIGIN, 8, {"intent": 4, "outcome": 4})
    assert not report.unfinished
    assert not report.orphaned


def test_a_zip_file_is_as_good_as_the_folder(export: Path) -> None:
    with zipfile.ZipFile(export.with_suffix(".zip"), "w") as archive:
        for path in export.iterdir():
            archive.write(path, path.name)

    assert verify(Bundle(export.with_suffix(".zip")), verifier(KEY)).intact


def test_an_export_of_no_records_is_intact(tmp_path: Path) -> None:
    assert verify(Bundle(write_export(tmp_path / "export", [])), verifier(KEY)).intact


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        pytest.param(
            lambda lines: [*lines[:3], lines[3].replace(b"200", b"201"), *lines[4:]],
            Finding("the record was changed", 3, IDS[3]),
            id="edited",
        ),
        pytest.param(
            lambda lines: [*lines[:3], b"not JSON\n", *lines[4:]],
            Finding("the record was changed", 3, "unreadable"),
            id="overwritten",
        ),
        pytest.param(
            lambda lines: [*lines[:3], b"x" * 200_000 + b"\n", *lines[4:]],
            Finding("the record was changed", 3, "unreadable"),
            id="overwritten with something huge",
        ),
        pytest.param(
            lambda lines: [*lines[:2], *lines[3:]],
            Finding("a record was taken out here: this one is the next", 2, IDS[3]),
            id="one deleted",
        ),
        pytest.param(
            lambda lines: [*lines[:2], lines[0], *lines[2:]],
            Finding("the record was put in: the next is the one that belongs here", 2, IDS[0]),
            id="inserted",
        ),
        pytest.param(
            lambda lines: [*lines[:2], lines[3], lines[2], *lines[4:]],
            Finding("the record changed places with the next", 2, IDS[3]),
            id="swapped",
        ),
        pytest.param(
            lambda lines: lines[:6],
            Finding("the log was cut: the record here and all behind it are missing", 6),
            id="truncated",
        ),
        pytest.param(
            lambda _: [],
            Finding("the log was cut: the record here and all behind it are missing", 0),
            id="emptied",
        ),
        pytest.param(
            lambda lines: [*lines, lines[0]],
            Finding("the record was added: the signed log ends before it", 8, IDS[0]),
            id="appended",
        ),
    ],
)
def test_the_first_bad_record_is_named(
    export: Path, change: Callable[[list[bytes]], list[bytes]], finding: Finding
) -> None:
    _rewrite(export, change)

    assert verify(Bundle(export), verifier(KEY)).findings == (finding, DESCRIBED)


def test_a_list_of_hashes_that_was_changed_is_not_blamed_on_the_record(export: Path) -> None:
    _rewrite(export, lambda lines: [*lines[:5], b"0" * 64 + b"\n", *lines[6:]], "leaves.sha256")

    assert [(one.what.split()[0], one.index) for one in verify(Bundle(export), verifier(KEY)).findings] == [
        ("leaves.sha256", 5),
        ("leaves.sha256", None),
    ]


def test_a_record_changed_with_its_hash_is_found_though_not_named(tmp_path: Path, export: Path) -> None:
    forged = write_export(tmp_path / "forged", [*LEAVES[:3], LEAVES[3].replace(b"200", b"201"), *LEAVES[4:]])
    for name in ("events.jsonl", "leaves.sha256"):
        (forged / name).rename(export / name)

    first, *others = verify(Bundle(export), verifier(KEY)).findings
    assert first.index is None
    assert "cannot be named" in first.what
    assert len(others) == 2


def test_a_record_and_the_list_changed_in_two_places_do_not_hide_each_other(export: Path) -> None:
    _rewrite(export, lambda lines: [lines[0].replace(b"Run", b"Ran"), *lines[1:]])
    _rewrite(export, lambda lines: [*lines[:5], b"0" * 64 + b"\n", *lines[6:]], "leaves.sha256")

    first, second, *_ = verify(Bundle(export), verifier(KEY)).findings
    assert first == Finding("the record was changed", 0, IDS[0])
    assert second.what.startswith("leaves.sha256 is not what was signed either")


def test_another_key_signed_nothing(export: Path) -> None:
    findings = verify(Bundle(export), verifier(Ed25519PrivateKey.generate())).findings

    assert [finding.what.split()[0] for finding in findings] == ["checkpoint", "manifest.json"]


def test_an_export_made_anew_by_somebody_else_is_found(tmp_path: Path) -> None:
    forged = write_export(tmp_path / "forged", LEAVES[:4], Ed25519PrivateKey.generate())

    assert not verify(Bundle(forged), verifier(KEY)).intact


@pytest.mark.parametrize("name", ["manifest.json", "manifest.sig", "checkpoint"])
def test_files_of_another_export_do_not_fit(tmp_path: Path, export: Path, name: str) -> None:
    other = write_export(tmp_path / "other", LEAVES[:4])
    (other / name).rename(export / name)

    assert not verify(Bundle(export), verifier(KEY)).intact


def test_a_whole_export_of_another_log_is_not_taken_for_this_one(tmp_path: Path) -> None:
    other = write_export(tmp_path / "other", LEAVES, origin="tenantry.example.org/language")

    assert not verify(Bundle(other), verifier(KEY, ORIGIN)).intact


def test_a_checkpoint_that_is_none_is_a_finding(export: Path) -> None:
    (export / "checkpoint").write_bytes(b"nothing")

    (finding,) = verify(Bundle(export), verifier(KEY)).findings
    assert finding.what.startswith("checkpoint is not a checkpoint")


@pytest.mark.parametrize("size", [0, 3, 8])
def test_a_log_that_grew_extends_the_checkpoint_that_was_kept(tmp_path: Path, export: Path, size: int) -> None:
    kept = (write_export(tmp_path / "kept", LEAVES[:size]) / "checkpoint").read_bytes()

    assert verify(Bundle(export), verifier(KEY), kept).intact


@pytest.mark.parametrize(
    ("leaves", "origin", "why"),
    [
        ([*LEAVES, LEAVES[0]], ORIGIN, "the log was cut: it had 9 records"),
        ([LEAVES[1], LEAVES[0], LEAVES[2]], ORIGIN, "the first 3 records are not those"),
        (LEAVES[:3], "tenantry.example.org/language", "the older checkpoint is of"),
    ],
)
def test_a_log_that_was_rewritten_and_signed_again_is_found_by_an_older_checkpoint(
    tmp_path: Path, export: Path, leaves: list[bytes], origin: str, why: str
) -> None:
    kept = (write_export(tmp_path / "kept", leaves, origin=origin) / "checkpoint").read_bytes()

    (finding,) = verify(Bundle(export), verifier(KEY), kept).findings
    assert finding.what.startswith(why)


def test_an_older_checkpoint_of_another_key_proves_nothing(tmp_path: Path, export: Path) -> None:
    kept = (write_export(tmp_path / "kept", LEAVES, Ed25519PrivateKey.generate()) / "checkpoint").read_bytes()

    (finding,) = verify(Bundle(export), verifier(KEY), kept).findings
    assert finding.what.startswith("the older checkpoint is not signed")


def test_requests_without_an_outcome_are_reported_and_fail_nothing(tmp_path: Path) -> None:
    export = write_export(tmp_path / "export", [LEAVES[0], LEAVES[3], *LEAVES[4:]])

    report = verify(Bundle(export), verifier(KEY))
    assert report.intact
    assert (report.unfinished, report.orphaned) == ((IDS[0],), (IDS[3],))


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda export: (export / "manifest.sig").unlink(), id="a file is missing"),
        pytest.param(lambda export: (export / "extra").touch(), id="a file too many"),
        pytest.param(lambda export: (export / "checkpoint").write_bytes(b"x" * 2_000_000), id="a huge checkpoint"),
    ],
)
def test_what_is_no_export_cannot_be_read(export: Path, spoil: Callable[[Path], object]) -> None:
    spoil(export)

    with pytest.raises(BundleUnreadable):
        verify(Bundle(export), verifier(KEY))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", b"not a zip file"])
def test_a_broken_zip_file_cannot_be_read(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "export.zip").write_bytes(content)

    with pytest.raises(BundleUnreadable, match="cannot be read"):
        Bundle(tmp_path / "export.zip")
