"""Write the CustomResourceDefinitions: `python -m tenantry_crds.generate`; with `--check`, fail if they are stale."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import yaml

from tenantry_crds.schema import definitions

__all__ = ["main", "manifests"]

DIRECTORY: Final = Path(__file__).resolve().parents[1] / "manifests"
_HEADER: Final = "# Written by `python -m tenantry_crds.generate` from the models in tenantry_crds. Do not edit.\n"


def manifests() -> dict[str, str]:
    """Return each file's name and text."""
    return {f"{plural}.yaml": _HEADER + _yaml(definition) for plural, definition in definitions().items()}


def _yaml(document: object) -> str:
    # Through JSON, because YAML would write an anchor wherever two nodes are one object.
    return yaml.safe_dump(json.loads(json.dumps(document)), sort_keys=False, width=120, allow_unicode=True)


def main(arguments: Sequence[str]) -> int:
    """Return the exit code: 1 when `--check` found a file that is not what the models say."""
    if "--check" not in arguments:
        for name, text in manifests().items():
            (DIRECTORY / name).write_text(text, encoding="utf-8")
        return 0
    stale = [name for name, text in manifests().items() if not _holds(DIRECTORY / name, text)]
    for name in stale:
        sys.stderr.write(f"crds/manifests/{name} is stale: run python -m tenantry_crds.generate\n")
    return 1 if stale else 0


def _holds(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
