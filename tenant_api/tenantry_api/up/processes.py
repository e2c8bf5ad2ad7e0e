"""Child processes that cannot outlive us: started in a session of their own, logged to a file, stopped in order.

A terminal's Ctrl-C reaches the whole process group; a session of its own keeps it from a child, so that the parent
decides who stops when. On Linux the kernel signals a child whose parent died, however it died.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

__all__ = ["Account", "Command", "Process", "ProcessFailed", "die_with_parent", "identity", "last_lines"]

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class ProcessFailed(Exception):
    """A child ended, or never became ready. The message ends with the last lines of its log."""


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the machine that a child shall run as."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Command:
    """A program and all that it gets. Secrets travel in the environment or in files, never in `argv`."""

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    log: Path
    stop_signal: signal.Signals = signal.SIGTERM
    # Seconds between the stop signal and SIGKILL.
    grace: float = 10.0
    account: Account | None = None
    # Open descriptors that it gets besides its output.
    inherit: tuple[int, ...] = ()


class Process:
    """One running child. Start it from the main thread: the kernel's death signal is tied to the starting thread."""

    def __init__(self, command: Command) -> None:
        self.command = command
        with command.log.open("ab") as log:
            self._popen = subprocess.Popen(  # noqa: S603  # the caller's own argv, no shell
                command.argv,
                env=dict(command.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=command.inherit,
                preexec_fn=die_with_parent(command.stop_signal),  # noqa: PLW1509  # one call of prctl, nothing else
                **identity(command.account),
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._popen.poll()

    def stop(self) -> None:
        """Ask it to stop, wait for its grace, then kill it. Does nothing to a process that has ended."""
        if self.exit_code is None:
            self._popen.send_signal(self.command.stop_signal)
        try:
            self._popen.wait(self.command.grace)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()

    def check(self) -> None:
        """Raise if it has ended, with what it said last."""
        if self.exit_code is not None:
            raise ProcessFailed(self.obituary())

    def obituary(self) -> str:
        return f"{self.command.name} ended with code {self.exit_code}. Its last words ({self.command.log}):\n" + (
            last_lines(self.command.log)
        )


def die_with_parent(death_signal: signal.Signals) -> Callable[[], None] | None:
    """What a forked child runs before exec, so that the kernel sends it this signal when its parent dies.

    After any change of user, which would clear it. Elsewhere than on Linux there is nothing like it.
    """
    if _LIBC is None:
        return None
    parent, libc = os.getpid(), _LIBC

    def ask() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(death_signal))
        if os.getppid() != parent:  # It died between the fork and the call.
            os._exit(1)

    return ask


def last_lines(log: Path, count: int = 15) -> str:
    """The end of a log, for an error message; reads at most 16 KiB."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 16_384))
        return "\n".join("  " + line for line in file.read().decode(errors="replace").splitlines()[-count:])


class Identity(TypedDict, total=False):
    """What `subprocess` takes to run a child as another user."""

    user: int
    group: int
    extra_groups: list[int]


def identity(account: Account | None) -> Identity:
    return Identity() if account is None else Identity(user=account.uid, group=account.gid, extra_groups=[])
