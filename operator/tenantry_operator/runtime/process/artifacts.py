"""Directories that belong to one project, and the question whether a project can have a user of its own."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Final

__all__ = ["ensure_private", "own_uids_obstacle", "remove"]

# A uid that no project has, to try with.
_STRANGER: Final = 65534
_TRIAL: Final = (
    "import importlib.util as i, sys; sys.exit(not (i.find_spec('mlflow') and i.find_spec('tenantry_backend')))"
)


def ensure_private(directory: Path, uid: int | None) -> None:
    """Make `directory` with mode 0700, owned by `uid` with all that is in it; None is the operator's own."""
    _make_way(directory.parent)
    directory.mkdir(exist_ok=True, mode=0o700)
    owner = os.geteuid() if uid is None else uid
    if os.geteuid() == 0 and directory.stat().st_uid != owner:
        for parent, folders, files in os.walk(directory):
            for name in (*folders, *files):
                os.lchown(Path(parent, name), owner, owner)
        os.chown(directory, owner, owner)  # Last: what was interrupted is begun again.
    directory.chmod(0o700)


def remove(directory: Path) -> None:
    """Delete `directory` and all that is in it, if it is there."""
    if directory.exists():
        shutil.rmtree(directory)


def own_uids_obstacle(directory: Path) -> str | None:
    """Why servers cannot run under uids of their own with artifacts below `directory`, for people; None when they can.

    It takes root, programs that every user may read, and a way to the artifacts that every user may walk.
    """
    if os.geteuid() != 0:
        return "the operator is not root"
    closed = [path for path in (directory, *directory.parents) if path.exists() and not _open_to_all(path)]
    if closed:
        return f"{closed[-1]} is closed to other users; give it mode o+x, or another state directory"
    if not _program_is_readable():
        return f"other users cannot read Python or MLflow below {sys.base_prefix} and {sys.prefix}"
    return None


def _make_way(directory: Path) -> None:
    """Make the parents that are missing so that every user may pass and none may look, whatever our umask."""
    missing = [path for path in (directory, *directory.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        path.chmod(0o711)


def _open_to_all(path: Path) -> bool:
    return bool(path.stat().st_mode & stat.S_IXOTH)


def _program_is_readable() -> bool:
    trial = [sys.executable, "-P", "-c", _TRIAL]
    try:
        done = subprocess.run(  # noqa: S603  our own words
            trial, user=_STRANGER, group=_STRANGER, extra_groups=(), cwd="/", env={}, check=False, capture_output=True
        )
    except PermissionError:
        return False
    return done.returncode == 0
