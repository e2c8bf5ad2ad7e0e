"""Whether an image holds what its program needs, and nothing to install or build with.

Runs inside of it, as somebody without a name, on a read-only file system: python - PACKAGE… < hack/image_check.py
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import pkgutil
import shutil
import stat
import sys
from pathlib import Path

_TOOLS = ("pip", "pip3", "uv", "hatchling", "cc", "gcc", "make")


def main(packages: list[str]) -> int:
    """Return the exit code: 1 when something is wrong."""
    wrong = [
        *_not_imported(packages),
        *(f"has {tool}" for tool in _TOOLS if shutil.which(tool) or importlib.util.find_spec(tool)),
        *(["runs as root"] if os.getuid() == 0 else []),
        *(f"has {file} with the rights of another" for file in _of_another()),
        *(f"can write to {place}" for place in ("/", "/opt/code", "/opt/tenantry") if os.access(place, os.W_OK)),
    ]
    sys.stderr.writelines(f"the image {finding}\n" for finding in wrong)
    return 1 if wrong else 0


def _of_another() -> list[str]:
    """Programs that run as their owner or with their group, where such stand."""
    folders = ("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/lib", "/usr/local", "/opt")
    files = (Path(at) / name for folder in folders for at, _, names in os.walk(folder) for name in names)
    return [
        str(file) for file in files if not file.is_symlink() and file.stat().st_mode & (stat.S_ISUID | stat.S_ISGID)
    ]


def _not_imported(packages: list[str]) -> list[str]:
    """Every module of these, but for those that run when they are imported."""
    failed = []
    for package in packages:
        for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
            if module.name.endswith(".__main__") or ".migrations" in module.name:
                continue
            try:
                importlib.import_module(module.name)
            except ImportError as error:
                failed.append(f"cannot import {module.name}: {error}")
        if not str(Path(importlib.import_module(package).__path__[0])).startswith("/opt/code/"):
            failed.append(f"has {package} somewhere else than in /opt/code")
    return failed


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
