"""Prints every file of the installed MLflow's UI as JSON: what the door holds a backend's answer against.

    python -m tenantry_backend.ui > tenant_api/tenantry_api/classify/mlflow_3_17_2_ui.json

A file is its size and the SHA-256 of each `piece` bytes of it (of the last, what is left), so that whoever passes it on
can check a piece and let go of it. The order is fixed, so the same MLflow always prints the same.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, TextIO

__all__ = ["folder", "main"]

# A reader holds one of these at a time.
_PIECE: Final = 2**16


def folder() -> Path:
    """Where the UI was installed to. MLflow is not imported for this: that takes seconds."""
    found = find_spec("mlflow")
    assert found is not None
    assert found.submodule_search_locations is not None
    return Path(found.submodule_search_locations[0], "server", "js", "build")


def main(out: TextIO = sys.stdout) -> None:
    """Writes one file a line, so that a difference between two versions reads well."""
    rows = ",\n".join(f" {json.dumps(name)}: {json.dumps(file)}" for name, file in _files(folder()))
    out.write(f'{{"mlflow": {json.dumps(version("mlflow"))},\n"piece": {_PIECE},\n"files": {{\n{rows}\n}}}}\n')


def _files(root: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        content = path.read_bytes()
        pieces = (content[start : start + _PIECE] for start in range(0, len(content), _PIECE))
        told = {"size": len(content), "sha256": [hashlib.sha256(piece).hexdigest() for piece in pieces]}
        yield path.relative_to(root).as_posix(), told


if __name__ == "__main__":
    main()
