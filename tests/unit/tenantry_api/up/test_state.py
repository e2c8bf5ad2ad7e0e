from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tenantry_api.up.state import State, StateInUse


def test_secrets_are_made_once_and_readable_by_their_owner_alone(tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    state.open()
    key, passwords = state.signing_key.read_bytes(), state.passwords()
    state.close()
    again = State(tmp_path / "state")
    again.open()
    assert (again.signing_key.read_bytes(), again.passwords()) == (key, passwords)
    again.close()
    assert sorted(passwords) == ["api", "auditor", "operator"]
    assert len(set(passwords.values())) == 3
    for file in (state.signing_key, state.directory / "passwords.json"):
        assert file.stat().st_mode & 0o777 == 0o600


def test_nobody_lists_the_directory_but_its_owner(tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    state.open()
    assert state.directory.stat().st_mode & 0o066 == 0
    assert state.record.stat().st_mode & 0o077 == 0
    state.close()


def test_a_second_run_is_told_which_process_has_the_directory(tmp_path: Path) -> None:
    first, second = State(tmp_path), State(tmp_path)
    first.open()
    with pytest.raises(StateInUse, match=rf"in use by process {os.getpid()}: stop that .* --state"):
        second.open()
    first.close()
    second.open()
    second.close()


def test_waits_for_the_children_of_a_run_that_was_killed(tmp_path: Path) -> None:
    """They hold the lock as long as they live; here a child lives a moment longer than its parent."""
    program = (
        "import os, subprocess, sys, time; from pathlib import Path; from tenantry_api.up.state import State\n"
        f"state = State(Path({str(tmp_path)!r})); state.open()\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(0.5)'], pass_fds=[state.lock_descriptor()])\n"
        "os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", program], check=False, stdout=subprocess.DEVNULL)
    state = State(tmp_path)
    state.open()
    assert (tmp_path / "lock").read_text() == str(os.getpid())
    state.close()


def test_a_secret_that_was_half_written_is_written_again(tmp_path: Path) -> None:
    state = State(tmp_path)
    (tmp_path / "signing-key.pem.new").write_text("half")
    state.open()
    assert state.signing_key.read_text().startswith("-----BEGIN PRIVATE KEY-----")
    state.close()
