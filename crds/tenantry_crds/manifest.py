"""From a document (what YAML or the API server gave) to a value, or to a list of what is wrong, by field.

It judges one document. Whether two of them go together (the same name twice, a project without its workspace) is for
the source that has them all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from tenantry_crds.meta import API_VERSION
from tenantry_crds.project import Project
from tenantry_crds.workspace import Workspace

__all__ = ["InvalidManifest", "Problem", "parse"]

_KINDS: Final[Mapping[str, type[Workspace | Project]]] = {"Workspace": Workspace, "Project": Project}

# Problems that are said in one line: whoever has more starts with these.
_MOST: Final = 10

# pydantic's words where they would not tell a person what to do. Its `ctx` fills the braces.
_WORDS: Final = {
    "bool_type": "must be true or false",
    "datetime_from_date_parsing": "must be an RFC 3339 time with a zone, like 2027-01-31T00:00:00Z",
    "datetime_parsing": "must be an RFC 3339 time with a zone, like 2027-01-31T00:00:00Z",
    "datetime_type": "must be an RFC 3339 time with a zone, like 2027-01-31T00:00:00Z",
    "enum": "must be one of {expected}",
    "extra_forbidden": "is not a known field: correct its spelling or remove it",
    "greater_than_equal": "must be at least {ge}",
    "int_type": "must be a whole number",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "mapping_type": "must be a mapping of names to texts",
    "missing": "is required: add it",
    "model_type": "must be a mapping of fields",
    "string_too_long": "must be at most {max_length} characters",
    "string_too_short": "must not be empty",
    "string_type": "must be a text: put it in quotes",
    "timezone_aware": "must be an RFC 3339 time with a zone, like 2027-01-31T00:00:00Z",
    "too_long": "must have at most {max_length} entries",
    "tuple_type": "must be a list",
    "value_error": "{error}",
}


class Problem(NamedTuple):
    """`field` is a path as people write it, `spec.access[0].role`; empty for the whole document."""

    field: str
    reason: str


class InvalidManifest(ValueError):
    """The document is no resource of ours. `problems` is never empty."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        words = [f"{field} {reason}".strip() for field, reason in self.problems[:_MOST]]
        more = len(self.problems) - len(words)
        super().__init__("; ".join([*words, *([f"and {more} more"] if more else [])]))


def parse(document: object) -> Workspace | Project:
    """Return the resource, or raise InvalidManifest with every problem that was found."""
    if not isinstance(document, Mapping):
        raise InvalidManifest([Problem("", "must be a mapping with apiVersion, kind, metadata and spec")])
    if document.get("apiVersion") != API_VERSION:
        raise InvalidManifest([Problem("apiVersion", f"must be {API_VERSION}")])
    kind = _KINDS.get(str(document.get("kind")))
    if kind is None:
        raise InvalidManifest([Problem("kind", f"must be one of {', '.join(_KINDS)}")])
    try:
        return kind.model_validate(document, by_name=False)
    except ValidationError as error:
        raise InvalidManifest([_problem(details) for details in error.errors()]) from None


def _problem(details: ErrorDetails) -> Problem:
    words = _WORDS.get(details["type"], details["msg"])
    return Problem(_path(details["loc"]), words.format_map(details.get("ctx", {})))


def _path(location: Sequence[str | int]) -> str:
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return "".join(parts).removeprefix(".")
