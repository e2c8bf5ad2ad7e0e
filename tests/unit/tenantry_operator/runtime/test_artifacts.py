"""Directories of projects, and when projects can have users of their own."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tenantry_operator.runtime.process.artifacts import ensure_private, own_uids_obstacle, remove

UID = 61234


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_directory_is_private_and_the_way_to_it_can_be_walked_but_not_looked_at(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        ensure_private(tmp_path / "artifacts" / "vision" / "segmentation", None)
    finally:
        os.umask(before)
    assert mode(tmp_path / "artifacts") == mode(tmp_path / "artifacts" / "vision") == 0o711
    assert mode(tmp_path / "artifacts" / "vision" / "segmentation") == 0o700


def test_a_directory_that_was_opened_is_closed_again(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    ensure_private(tmp_path, None)
    assert mode(tmp_path) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_is_in_it_changes_hands_without_following_links(tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("not theirs")
    inside = tmp_path / "artifacts"
    (inside / "run").mkdir(parents=True)
    (inside / "run" / "model.bin").write_text("theirs")
    (inside / "run" / "link").symlink_to(outside)
    ensure_private(inside, UID)
    owners = {path.name: path.lstat().st_uid for path in (inside, *inside.rglob("*"))}
    assert owners == dict.fromkeys(["artifacts", "run", "model.bin", "link"], UID)
    assert outside.stat().st_uid == 0


def test_removing_what_is_not_there_is_fine(tmp_path: Path) -> None:
    remove(tmp_path / "never")
    (tmp_path / "once" / "deep").mkdir(parents=True)
    remove(tmp_path / "once")
    assert not (tmp_path / "once").exists()


def test_a_closed_directory_on_the_way_is_named(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    obstacle = own_uids_obstacle(closed / "artifacts")
    assert obstacle
    if os.geteuid() == 0:
        assert "is closed to other users" in obstacle
    else:
        assert obstacle == "the operator is not root"
