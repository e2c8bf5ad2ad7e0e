"""The `tenantry` command as a person runs it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

__all__ = ["login", "tenantry"]

_PROGRAM = str(Path(sys.executable).with_name("tenantry"))


def tenantry(*arguments: str) -> str:
    """What it prints; it has to succeed."""
    ran = subprocess.run([_PROGRAM, *arguments], capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def login(url: str, approve: Callable[[str], object]) -> None:
    """`tenantry login`; `approve` is given the address that it asks to open."""
    process = subprocess.Popen([_PROGRAM, "login", "--url", url], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    told = ""
    while "Waiting" not in told:
        line = process.stderr.readline()
        assert line, told
        told += line
    address = re.search(r"http\S+", told)
    assert address is not None
    approve(address[0])
    _, rest = process.communicate(timeout=60)
    assert process.returncode == 0, rest
