"""The files of one MLflow version's UI, and which of them a request asks for. What the version has not is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, Final

from tenantry_api.classify.refuse import unknown
from tenantry_api.facts import StockFile

__all__ = ["requested_file", "stock_files"]

# The page at a project's own address, which names no file.
_INDEX: Final = "index.html"
_SCRIPT: Final = "text/javascript; charset=utf-8"
_TYPES: Final = {
    ".cjs": _SCRIPT,
    ".css": "text/css; charset=utf-8",
    ".eot": "application/vnd.ms-fontobject",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": _SCRIPT,
    ".json": "application/json",
    ".mjs": _SCRIPT,
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".ttf": "font/ttf",
    ".txt": "text/plain; charset=utf-8",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
}
# webpack names what it makes after its content: main.c2f5f8d4.js.
_NAMED_AFTER_CONTENT: Final = re.compile(r"\.[0-9a-f]{8,}\.")


def stock_files(data: Mapping[str, Any]) -> dict[str, StockFile]:
    """By name, from what `python -m tenantry_backend.ui` printed. KeyError: a file has a type that is new here."""
    return {
        name: StockFile(
            mlflow=data["mlflow"],
            name=name,
            content_type=_TYPES[PurePosixPath(name).suffix],
            size=told["size"],
            pieces=tuple(_pieces(told, data["piece"])),
            lasting=_NAMED_AFTER_CONTENT.search(name) is not None,
        )
        for name, told in data["files"].items()
    }


def requested_file(files: Mapping[str, StockFile], in_path: Mapping[str, str]) -> StockFile:
    file = files.get(in_path.get("path", _INDEX))
    if file is None:
        raise unknown("unknown_file", "The UI of this project's MLflow has no such file; reload the page.")
    return file


def _pieces(told: Mapping[str, Any], most: int) -> Iterator[tuple[int, bytes]]:
    for number, digest in enumerate(told["sha256"]):
        yield min(most, told["size"] - number * most), bytes.fromhex(digest)
