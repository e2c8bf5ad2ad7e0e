"""Artifacts in directories of this machine: one for each project, closed to every other user."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Final

from tenantry_operator.errors import ProvisionFailed
from tenantry_operator.facts import ArtifactPlan, BucketKey, DirectoryPlan, Probe
from tenantry_operator.runtime.process.artifacts import ensure_private, remove

__all__ = ["Directories"]

# A machine under load writes late; its disk is no less well for that.
_SECONDS: Final = 10
# A uid that no project has: `nobody`.
_STRANGER: Final = 65534

# In a process of its own, because a uid belongs to a whole process. `-I -S`: 15 ms.
_STORE: Final = """
import os, sys
path = os.path.join(sys.argv[1], ".tenantry-probe")
with open(path, "wb") as file: file.write(b"probe")
try:
    with open(path, "rb") as file: assert file.read() == b"probe"
finally:
    os.unlink(path)
"""
_LOOK: Final = """
import os, sys
try: os.listdir(sys.argv[1])
except PermissionError: sys.exit(3)
"""
_REFUSED: Final = 3


class Directories:
    """Fulfils `Artifacts` for DirectoryPlan. There is no key: the directory's owner and mode are what protects it.

    `interpreter` is a Python that the projects' users can run.
    """

    def __init__(self, interpreter: str = sys.executable) -> None:
        self._interpreter = interpreter

    def ensure(self, plan: ArtifactPlan) -> None:
        directory = _mine(plan)
        try:
            ensure_private(directory.directory, directory.uid)
        except OSError as error:
            words = f"the artifact directory {directory.directory} cannot be made: {error.strerror}"
            raise ProvisionFailed(words) from error

    def key(self, plan: ArtifactPlan) -> None:
        """There is none."""

    def rotate(self, plan: ArtifactPlan) -> None:
        """There is none."""

    def retire(self, plan: ArtifactPlan) -> None:
        """There is none."""

    def age(self, plan: ArtifactPlan) -> None:
        """There is none."""

    def reader(self, plan: ArtifactPlan) -> None:
        """No key either: a directory is the project's by its path."""

    def remove(self, plan: ArtifactPlan) -> None:
        directory = _mine(plan).directory
        try:
            remove(directory)
        except OSError as error:
            words = f"the artifact directory {directory} cannot be deleted: {error.strerror}"
            raise ProvisionFailed(words) from error

    def dismiss(self, plan: ArtifactPlan) -> None:
        """There is nobody."""

    def stores(self, plan: ArtifactPlan, key: BucketKey | None) -> Probe:  # noqa: ARG002  there is none
        """Write, read and delete a file as the uid that the server runs under."""
        directory = _mine(plan)
        done = self._run(_STORE, directory, directory.uid)
        if done is None:
            return Probe(False, "NotWritable", f"a file in the artifact directory took more than {_SECONDS} s to write")
        if done.returncode:
            words = f"the artifact directory cannot be written, read and cleaned: {_last_line(done)}"
            return Probe(False, "NotWritable", words)
        return Probe(True, "Stored", "a file was written, read and deleted as the server's user")

    def confined(self, plan: ArtifactPlan, key: BucketKey | None) -> Probe:  # noqa: ARG002  there is none
        """Try to list the directory as a user who is neither the project nor the operator."""
        directory = _mine(plan)
        if directory.uid is None or os.geteuid() != 0:
            return Probe(True, "SharedUser", "all servers run as one user of this machine, who owns all artifacts")
        done = self._run(_LOOK, directory, _STRANGER)
        if done and done.returncode == _REFUSED:
            return Probe(True, "Refused", "the artifact directory is closed to every other user")
        if done and done.returncode == 0:
            cure = f"chmod 0700 {directory.directory}"
            return Probe(False, "DirectoryOpen", f"another user of this machine can list the artifacts: {cure}")
        return Probe(False, "NotTried", f"no other user could try to list the artifacts: {_last_line(done)}")

    def _run(self, program: str, plan: DirectoryPlan, uid: int | None) -> subprocess.CompletedProcess[str] | None:
        """Run it on the directory as `uid`; None when it takes too long."""
        other = uid is not None and uid != os.geteuid()
        user, groups = (uid, ()) if other else (None, None)
        command = [self._interpreter, "-I", "-S", "-c", program, str(plan.directory)]
        try:
            return subprocess.run(  # noqa: S603  our own interpreter and words
                command, user=user, group=user, extra_groups=groups, env={}, cwd="/",
                capture_output=True, text=True, timeout=_SECONDS, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return None
        except OSError as error:
            return subprocess.CompletedProcess(command, 1, "", f"{self._interpreter}: {error.strerror}")


def _mine(plan: ArtifactPlan) -> DirectoryPlan:
    assert isinstance(plan, DirectoryPlan)
    return plan


def _last_line(done: subprocess.CompletedProcess[str] | None) -> str:
    return ((done.stderr if done else "").strip().splitlines() or ["no message"])[-1]
