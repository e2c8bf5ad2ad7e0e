"""Write docs/chart-values.md from the comments of the chart's values.yaml. `--check` fails if it is stale.

python hack/generate_chart_docs.py [--check]
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

CHART: Final = Path(__file__).resolve().parents[1] / "charts" / "tenantry"
PAGE: Final = CHART.parents[1] / "docs" / "chart-values.md"
_HEAD: Final = """\
<!-- Written by `python hack/generate_chart_docs.py` from charts/tenantry/values.yaml. Do not edit. -->

# Values of the chart

[install.md](install.md) shows which of these an installation needs. What is misspelt, missing or does not fit together
is refused before anything is changed, with the name of the value.

| value | default | meaning |
| --- | --- | --- |
"""
_LINE: Final = re.compile(r"(?P<indent> *)(?:# ?(?P<comment>.*)|(?P<key>\w+):.*)")


@dataclass(frozen=True)
class Value:
    """A value, or a group of them, with the comment above it; a leaf has a default."""

    path: str
    comment: str
    default: Any
    leaf: bool


def values() -> list[Value]:
    """Return every value of values.yaml in its order, groups before what is in them."""
    text = (CHART / "values.yaml").read_text(encoding="utf-8")
    return list(_commented(text.splitlines(), yaml.safe_load(text)))


def _commented(lines: list[str], defaults: dict[str, Any]) -> Iterator[Value]:
    path: list[str] = []
    comment: list[str] = []
    for line in lines:
        found = _LINE.fullmatch(line)
        if found is None:  # An empty line ends what was said about the file as a whole.
            comment = []
        elif found["key"] is None:
            comment.append(found["comment"])
        else:
            path = [*path[: len(found["indent"]) // 2], found["key"]]
            yield _value(path, " ".join(comment), defaults)
            comment = []


def _value(path: list[str], comment: str, defaults: dict[str, Any]) -> Value:
    default: Any = defaults
    for key in path:
        default = default[key]
    leaf = not isinstance(default, dict) or default == {}
    return Value(".".join(path), comment, default if leaf else None, leaf)


def page() -> str:
    """Return the text of docs/chart-values.md."""
    return _HEAD + "".join(_row(value) for value in values() if value.comment)


def _row(value: Value) -> str:
    if not value.leaf:
        return f"| **`{value.path}`** |  | {_escaped(value.comment)} |\n"
    default = "" if value.default in ("", None) else f"`{json.dumps(value.default)}`".replace('"', "")
    return f"| `{value.path}` | {default} | {_escaped(value.comment)} |\n"


def _escaped(comment: str) -> str:
    """As HTML reads it: what stands in angle brackets would vanish."""
    return comment.replace("<", "&lt;").replace("|", "\\|")


def main(arguments: list[str]) -> int:
    """Return the exit code: 1 when `--check` found a page that is not what values.yaml says."""
    if "--check" not in arguments:
        PAGE.write_text(page(), encoding="utf-8")
        return 0
    if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == page():
        return 0
    sys.stderr.write(f"docs/{PAGE.name} is stale: run python hack/generate_chart_docs.py\n")
    return 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
