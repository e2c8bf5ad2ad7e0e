"""The log of a server: its size, and what of it may be shown."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tenantry_operator.runtime.process.log import Log, without_secrets


def append(descriptor: int, text: str) -> None:
    os.write(descriptor, text.encode())


def test_is_bounded_and_keeps_one_older_file(tmp_path: Path) -> None:
    log = Log(tmp_path / "vision" / "segmentation.log", most=100)
    descriptor = log.open()
    for line in range(50):
        append(descriptor, f"line {line} of many\n")
        log.trim()
    os.close(descriptor)
    sizes = {path.name: path.stat().st_size for path in (tmp_path / "vision").iterdir()}
    assert set(sizes) == {"segmentation.log", "segmentation.log.1"}
    assert all(size <= 120 for size in sizes.values())
    assert log.tail(()).endswith("line 49 of many")


def test_a_full_one_is_put_aside_before_the_next_run(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("x" * 200)
    os.close(Log(path, most=100).open())
    assert path.read_text() == ""
    assert path.with_name("a.log.1").read_text() == "x" * 200


def test_is_private(tmp_path: Path) -> None:
    os.close(Log(tmp_path / "logs" / "a.log", most=100).open())
    assert stat.S_IMODE((tmp_path / "logs" / "a.log").stat().st_mode) == 0o600


def test_tail_is_of_this_run_only(tmp_path: Path) -> None:
    log = Log(tmp_path / "a.log", most=10_000)
    first = log.open()
    append(first, "the crash of yesterday\n")
    os.close(first)
    second = log.open()
    assert log.tail(()) == ""
    append(second, "one\n\ntwo\nthree\nfour\n")
    os.close(second)
    assert log.tail(()) == "two | three | four"


def test_tail_without_a_file_is_empty(tmp_path: Path) -> None:
    assert Log(tmp_path / "none.log", most=1).tail(()) == ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("login with pa55 failed", "login with *** failed"),
        ("login with pa55word failed", "login with *** failed"),
        ("postgresql+psycopg://role:other@127.0.0.1/x", "postgresql+psycopg://***@127.0.0.1/x"),
        ("see https://example.org/help for help", "see https://example.org/help for help"),
    ],
)
def test_secrets_are_hidden(text: str, shown: str) -> None:
    assert without_secrets(text, ["", "pa55", "pa55word"]) == shown
