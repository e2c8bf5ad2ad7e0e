"""What a server gives up before it meets its first request: its parent's session, its user, and what it never needs."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from typing import Final

__all__ = ["confine", "die_with", "restrict"]

# linux/prctl.h
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_PR_SET_NO_NEW_PRIVS: Final = 38

_OPEN_FILES: Final = 4096

_prctl = ctypes.CDLL(None, use_errno=True).prctl


def die_with(parent: int) -> None:
    """Be killed when the process `parent` ends, however it ends.

    The kernel forgets this with a change of user, so it is asked for again after one.
    """
    _control(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # It ended before we asked.
        os.kill(os.getpid(), signal.SIGKILL)


def confine(uid: int | None) -> None:
    """Take a session of one's own, then `restrict`."""
    os.setsid()
    restrict(uid)


def restrict(uid: int | None) -> None:
    """Become `uid` (and the group of the same number), and close what is left open.

    Not dumpable: another server of the same user cannot read this one's memory, where the database's password is.
    """
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    if uid is not None:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    _control(_PR_SET_NO_NEW_PRIVS, 1)
    _control(_PR_SET_DUMPABLE, 0)


def _control(option: int, value: int) -> None:
    if _prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl({option}): {os.strerror(number)}")
