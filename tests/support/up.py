"""`tenantry up` as a command, and every process below it."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tenantry_api.up.ports import free_ports
from tests.support.wait import until

__all__ = ["SAMPLES", "Up", "free_pair", "state_folder"]

SAMPLES = Path(__file__).parents[2] / "hack" / "samples"
_START = 120.0


class Up:
    """Returns from its making when the greeting is there; fails with what the command said if it ended before."""

    def __init__(self, folder: Path, port: int) -> None:
        self._out = folder / "up.out"
        command = [Path(sys.executable).with_name("tenantry"), "up", "--manifests", SAMPLES, "--port", str(port)]
        with self._out.open("wb") as out:
            self.process = subprocess.Popen(
                [*command, "--state", folder / "state"], stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )
        until(lambda: "Ctrl-C" in self.said or self.process.poll() is not None, deadline=_START, what="the greeting")
        assert self.process.poll() is None, self.said
        self.look()

    @property
    def said(self) -> str:
        return self._out.read_text()

    @property
    def url(self) -> str:
        return re.findall(r"^Tenantry: (\S+)$", self.said, re.MULTILINE)[0]

    def look(self) -> None:
        """Who is there now: what `survivors` asks for later."""
        self.family = psutil.Process(self.process.pid).children(recursive=True)

    def end(self, by: signal.Signals) -> int:
        self.process.send_signal(by)
        return self.process.wait(60)

    def survivors(self) -> list[psutil.Process]:
        return [it for it in self.family if it.is_running() and it.status() != psutil.STATUS_ZOMBIE]


@contextmanager
def state_folder() -> Iterator[Path]:
    """Where other users may pass through: as root, PostgreSQL and the servers run as somebody else."""
    folder = Path(tempfile.mkdtemp(prefix="tenantry-tests-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


def free_pair() -> int:
    """A port that is free now, as is its neighbour: for runs that have to have the same one."""
    return free_ports(2)
