"""Directories for artifacts: made, tried, closed to others, and gone with all that is in them."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tenantry_operator.errors import ProvisionFailed
from tenantry_operator.facts import DirectoryPlan
from tenantry_operator.provision.directories import Directories

UID = 0x7000_0001
# The tests' own Python may lie where other users cannot read it.
PYTHON = shutil.which("python3", path="/usr/local/bin:/usr/bin:/bin") or ""
needs_root = pytest.mark.skipif(os.geteuid() != 0 or not PYTHON, reason="needs root, and a python3 of the system")


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that every user may pass through, which pytest's own is not."""
    path = Path(tempfile.mkdtemp(prefix="tenantry-tests-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


def test_a_directory_is_made_tried_and_removed_any_number_of_times(home: Path) -> None:
    plan = DirectoryPlan(home / "vision" / "roads", None)
    for _ in range(2):
        Directories().ensure(plan)
        assert Directories().stores(plan, None).ok
        assert list(plan.directory.iterdir()) == []
    (plan.directory / "model.bin").write_bytes(b"x")
    for _ in range(2):
        Directories().remove(plan)
        assert not plan.directory.exists()


def test_there_is_no_key(home: Path) -> None:
    assert Directories().key(DirectoryPlan(home / "roads", None)) is None  # type: ignore[func-returns-value]


def test_what_is_no_directory_is_said(home: Path) -> None:
    (home / "vision").write_text("a file")
    with pytest.raises(ProvisionFailed, match=r"vision/roads cannot be made: Not a directory"):
        Directories().ensure(DirectoryPlan(home / "vision" / "roads", None))
    found = Directories().stores(DirectoryPlan(home / "vision" / "roads", None), None)
    assert (found.ok, found.reason) == (False, "NotWritable")
    assert "NotADirectoryError" in found.message


def test_one_user_for_all_servers_is_said(home: Path) -> None:
    plan = DirectoryPlan(home / "roads", None)
    Directories().ensure(plan)
    found = Directories().confined(plan, None)
    assert (found.ok, found.reason) == (True, "SharedUser")


@needs_root
def test_a_directory_is_closed_to_every_user_but_its_own(home: Path) -> None:
    plan = DirectoryPlan(home / "vision" / "roads", UID)
    Directories(PYTHON).ensure(plan)
    assert Directories(PYTHON).stores(plan, None).ok
    assert Directories(PYTHON).confined(plan, None).reason == "Refused"
    plan.directory.chmod(0o755)
    found = Directories(PYTHON).confined(plan, None)
    assert (found.ok, found.reason) == (False, "DirectoryOpen")
    assert "chmod 0700" in found.message


@needs_root
def test_a_directory_of_another_user_cannot_be_written(home: Path) -> None:
    Directories(PYTHON).ensure(DirectoryPlan(home / "roads", UID))
    found = Directories(PYTHON).stores(DirectoryPlan(home / "roads", UID + 1), None)
    assert (found.ok, found.reason) == (False, "NotWritable")
    assert "PermissionError" in found.message


@needs_root
def test_a_python_that_the_user_cannot_run_is_said(home: Path) -> None:
    plan = DirectoryPlan(home / "roads", UID)
    Directories().ensure(plan)
    blind = Directories(str(home / "python"))
    assert blind.stores(plan, None).message.endswith("python: No such file or directory")
    assert (blind.confined(plan, None).ok, blind.confined(plan, None).reason) == (False, "NotTried")
